"""slurm.py - Slurm on one host for a test: munged, slurmctld and some slurmd, without systemd or
cgroups, with their own configuration, ports and folders, and gone when the test is.

This process adopts what its daemons leave behind (PR_SET_CHILD_SUBREAPER), and ends nothing but its
own descendants.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue")
PR_SET_CHILD_SUBREAPER = 36

CONFIGURATION = """\
ClusterName=rondo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={dir}/munge.socket,cred_expire=5
StateSaveLocation={dir}/ctld
SlurmctldPidFile={dir}/slurmctld.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdSpoolDir={dir}/spool/%n
SlurmdPidFile={dir}/%n.pid
SlurmdLogFile={dir}/%n.log
PlugStackConfig={dir}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=10
InactiveLimit=0
MinJobAge=300
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """The programs that are not here."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin" + os.pathsep + "/sbin"
    return [name for name in PROGRAMS if not shutil.which(name)]


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def parents():
    """pid -> ppid of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as stat:
                    found[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    return found


def descendants():
    """The pids of what this process has brought about, children first."""
    above, found, last = parents(), [], {os.getpid()}
    while last:
        last = {pid for pid, parent in above.items() if parent in last and pid not in found}
        found += sorted(last)
    return found


def tree(pid):
    """The descendant's whole tree: from this process's child above it, parents first."""
    above = parents()
    while above[pid] != os.getpid():
        pid = above[pid]
    found, last = [pid], {pid}
    while last:
        last = {child for child, parent in above.items() if parent in last}
        found += sorted(last)
    return found


def kill(*pids, number=signal.SIGKILL):
    """Ends descendants, and nothing else, in this order."""
    ours = set(descendants())
    for pid in pids:
        if pid in ours:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass


class Slurm:
    def __init__(self, folder, count=4, cpus=2):
        self.dir, self.count = folder, count
        self.daemons = {}
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for name in ("ctld", "spool"):
            os.mkdir(self.path(name))
        os.chmod(folder, 0o755)
        self.configure(cpus)
        self.env = dict(os.environ, SLURM_CONF=self.path("slurm.conf"))
        for name in [name for name in self.env if name.startswith(("SBATCH_", "SLURM_JOB"))]:
            del self.env[name]

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def configure(self, cpus):
        ports = free_ports(self.count + 1)
        host = socket.gethostname().split(".")[0]
        nodes = ["NodeName=node%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=%d State=UNKNOWN"
                 % (k + 1, host, port, cpus) for k, port in enumerate(ports[1:])]
        with open(self.path("slurm.conf"), "w") as stream:
            stream.write(CONFIGURATION.format(dir=self.dir, host=host, port=ports[0],
                                              nodes="\n".join(nodes)))
        open(self.path("plugstack.conf"), "w").close()
        with open(os.open(self.path("munge.key"), os.O_CREAT | os.O_WRONLY, 0o400), "wb") as stream:
            stream.write(os.urandom(128))

    def daemon(self, name, *words):
        with open(self.path(name + ".out"), "ab") as out:
            self.daemons[name] = subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL,
                                                  stdout=out, stderr=out, cwd=self.dir)

    def start(self):
        self.daemon("munged", "munged", "--foreground", "--force",
                    *("--%s=%s" % (word, self.path(name)) for word, name in (
                        ("socket", "munge.socket"), ("key-file", "munge.key"),
                        ("pid-file", "munge.pid"), ("log-file", "munge.log"),
                        ("seed-file", "munge.seed"))))
        self.until("munged listens", lambda: os.path.exists(self.path("munge.socket")))
        self.daemon("slurmctld", "slurmctld", "-D")
        for k in range(self.count):
            self.start_node("node%d" % (k + 1))
        self.until("all nodes are idle", lambda: self.states() == ["idle"] * self.count, 60)

    def start_node(self, name):
        self.daemon(name, "slurmd", "-D", "-N", name)

    def until(self, what, look, seconds=30):
        end = time.monotonic() + seconds
        while not look():
            for name, daemon in self.daemons.items():
                if daemon.poll() not in (None, -signal.SIGKILL):
                    raise AssertionError("%s ended: %s" % (name, self.said(name)))
            if time.monotonic() > end:
                raise AssertionError("not within %d s: %s" % (seconds, what))
            time.sleep(0.1)

    def said(self, name):
        text = ""
        for ending in (".out", ".log"):
            if os.path.exists(self.path(name + ending)):
                with open(self.path(name + ending), errors="replace") as stream:
                    text += stream.read()
        return text[-3000:]

    def call(self, *words, check=True, **more):
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=60, **more)
        if check and done.returncode:
            raise AssertionError("%s: %s" % (" ".join(words), done.stderr))
        return done.stdout

    def states(self):
        return self.call("sinfo", "-h", "-N", "-o", "%T", check=False).split()

    def job(self, number):
        """scontrol show job, as a dict."""
        text = self.call("scontrol", "show", "job", "-o", number)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def stop(self):
        self.call("scancel", "--user=root", check=False)
        end = time.monotonic() + 15
        while self.call("squeue", "-h", check=False).strip() and time.monotonic() < end:
            time.sleep(0.2)
        for name, daemon in reversed(self.daemons.items()):
            daemon.terminate()
        for name, daemon in self.daemons.items():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for number in (signal.SIGTERM, signal.SIGKILL):
            kill(*descendants(), number=number)
            time.sleep(0.5)
        try:
            while True:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
        except ChildProcessError:
            pass
