from __future__ import annotations

import pytest

from wsss.errors import InputError
from wsss.nodes import node_rank, writes_log

HAND = {"NODE_RANK": "1", "MASTER_ADDR": "one", "MASTER_PORT": "29500"}
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NODEID": "1"}


def test_one_node_is_the_first_whatever_the_environment_says():
    assert node_rank(1, {}) == node_rank(1, {**HAND, **STEP}) == 0


@pytest.mark.parametrize("variables", [HAND, STEP])
def test_srun_or_a_person_says_which_node_this_is(variables: dict[str, str]):
    assert node_rank(2, variables) == 1


def test_what_a_person_says_counts_before_what_srun_says():
    assert node_rank(3, {**STEP, **HAND, "NODE_RANK": "2"}) == 2


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "nothing says which node this is"),
        # in the script of a job, not started by srun
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_NODEID": "0"}, "nothing says which node this is"),
        ({**STEP, "SLURM_STEP_NUM_TASKS": "8"}, "srun started 8 commands on 2 nodes"),
        ({**STEP, "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "1"}, "srun started 1 commands on 1 nodes"),
        ({**HAND, "MASTER_PORT": ""}, "MASTER_PORT is not set"),
        ({"NODE_RANK": "0"}, "MASTER_ADDR is not set"),
    ],
)
def test_an_environment_that_does_not_tell_is_one_line_that_says_what_to_do(variables: dict[str, str], words: str):
    with pytest.raises(InputError) as caught:
        node_rank(2, variables)
    said = str(caught.value)
    assert said.startswith(f"a training over 2 nodes: {words}; start the command once on each, by `srun --nodes 2 ")
    assert "\n" not in said


@pytest.mark.parametrize("rank", ["2", "-1", "first"])
def test_a_node_beyond_the_last_is_one_line(rank: str):
    with pytest.raises(InputError, match=f"NODE_RANK is `{rank}`, expected 0 to 1"):
        node_rank(2, {**HAND, "NODE_RANK": rank})


def test_the_first_node_writes_the_log_and_so_does_one_that_finds_no_place(monkeypatch: pytest.MonkeyPatch):
    for name in (*HAND, *STEP):
        monkeypatch.delenv(name, raising=False)
    assert writes_log(1)
    assert writes_log(2)
    for name, value in HAND.items():
        monkeypatch.setenv(name, value)
    assert not writes_log(2)
    monkeypatch.setenv("NODE_RANK", "0")
    assert writes_log(2)
