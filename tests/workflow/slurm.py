"""A cluster of two nodes on this machine: SLURM's own programs, below one folder, on ports that are free."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.waiting import wait_until

NODES = ("one", "two")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# whatever this machine has
SlurmdParameters=config_overrides
ReturnToService=2
# finished jobs stay known, for there is no database of accounts
MinJobAge=36000
GresTypes=gpu
{nodes}
PartitionName=all Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""
# one processor, so that two jobs at a time are on both
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=100000 Gres=gpu:1"


class Cluster:
    """Runs while the block does.

    Args:
        folder: Where all its files are; its name is short, for sockets lie there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("state", "bin", *(f"spool-{node}" for node in NODES)):
            (folder / name).mkdir()
        self.config = folder / "slurm.conf"
        host, (controller, *ports) = socket.gethostname(), _free_ports(1 + len(NODES))
        nodes = "\n".join(NODE.format(name=n, host=host, port=p) for n, p in zip(NODES, ports, strict=True))
        self.config.write_text(
            CONFIG.format(
                host=host,
                controller=controller,
                user=getpass.getuser(),
                folder=folder,
                nodes=nodes,
                names=",".join(NODES),
            )
        )
        (folder / "gres.conf").write_text("".join(f"NodeName={name} Name=gpu File=/dev/null\n" for name in NODES))
        # Snakemake's plugin drops SLURM_CONF before it calls srun on a node
        srun = folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF="{self.config}" exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What its users' programs need."""
        return {"SLURM_CONF": str(self.config), "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        munge = [f"--{name}={self.folder}/munge.{name.split('-')[0]}" for name in ("key-file", "pid-file", "log-file")]
        self._call(
            "munged", "--force", f"--socket={self.folder}/munge.socket", f"--seed-file={self.folder}/seed", *munge
        )
        self._call("slurmctld", "-f", str(self.config))
        for node in NODES:
            self._call("slurmd", "-N", node, "-f", str(self.config))
        wait_until(lambda: self.ask("sinfo", "--noheader", "--format=%T").split() == ["idle"])

    def ask(self, *command: str) -> str:
        """The answer of one of its programs; empty while none answers."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

    def _call(self, *command: str) -> None:
        # without its outputs: a daemon would hold them open
        subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def __exit__(self, *_: object) -> None:
        self.ask("scancel", f"--user={getpass.getuser()}")
        for path in (*self.folder.glob("slurmd-*.pid"), self.folder / "slurmctld.pid", self.folder / "munge.pid"):
            if path.is_file():
                number = int(path.read_text())
                os.kill(number, signal.SIGTERM)
                wait_until(lambda number=number: not Path(f"/proc/{number}").exists())  # type: ignore[misc]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
