"""The program `wsss`, which on the second node waits before the third step of a training until it is asked to stop.

The processes that train along import this module too, as the main one of their parent.
"""

from __future__ import annotations

import os
import time
from typing import Any

from wsss.cli import main
from wsss.training.session import Session

HELD = 2
"""Steps that are done by then."""
_start_step = Session.on_train_batch_start


def _held(session: Session, *arguments: Any) -> None:
    while os.environ["NODE_RANK"] == "1" and session.record.step == HELD and not session.stop.requested:
        time.sleep(0.02)
    _start_step(session, *arguments)


if __name__ in ("__main__", "__mp_main__"):
    # tests import a number from here, and train in their own process
    Session.on_train_batch_start = _held  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
