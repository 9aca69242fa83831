"""What config/ says to Slurm, systemd and Kubernetes is what the command understands."""

import os
import re
import shutil
import subprocess
import unittest

import support
from support import call

CONFIG = os.path.join(os.environ.get("RONDO_SOURCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."), "config")
UNITS = ("rondo-coordinator.service", "rondo-worker@.service")


def read(*names):
    with open(os.path.join(CONFIG, *names), encoding="utf-8") as stream:
        return stream.read()


def joined(text):
    """Lines continued by a backslash as one."""
    return re.sub(r"\\\n\s*", " ", text)


def options(words):
    return set(re.findall(r"(?<!\S)(--[a-z][a-z-]*)", words))


class Options(support.Case):
    def known(self, command):
        done = call("help", command)
        self.assertEqual(done.returncode, 0, done.stderr)
        return set(re.findall(r"--[a-z][a-z-]*", done.stdout))

    def understood(self, command, words):
        found = options(words)
        self.assertTrue(found, words)
        self.assertEqual(found - self.known(command), set(), command)

    def test_of_the_batch_script(self):
        text = joined(read("slurm", "rondo.sbatch"))
        for command in ("coordinator", "worker"):
            (words,) = re.findall(r'"\$rondo" %s (--[^\n]*)' % command, text)
            self.understood(command, words)
            for name in re.findall(r"credentials\+?=\(([^)]*)\)", text):
                self.understood(command, name)
        for words in re.findall(r"client\+?=\(([^)]*)\)", text):
            for command in ("submit", "watch", "fetch"):
                self.understood(command, words)
        for command, words in re.findall(r"\bask (\w+) ([^;|&]*)", text):
            if options(words):
                self.understood(command, words)

    def test_of_the_units_and_what_is_said_of_them(self):
        for name in UNITS + ("README.md",):
            for command, words in re.findall(r"rondo (coordinator|worker) (--[^\n]*)",
                                             joined(read("systemd", name))):
                self.understood(command, words)

    def test_of_the_manual_page_of_slurm(self):
        text = joined(read("..", "docs", "slurm.md"))
        (words,) = re.findall(r"rondo worker (--[^\n]*)", text)
        self.understood("worker", words)

    def test_of_the_manifest(self):
        for _, container in Manifest.containers():
            command, words = container["command"][1], container["args"]
            self.assertEqual(container["command"][0], "rondo")
            self.understood(command, " ".join(word.split("=")[0] for word in words))


class Script(support.Case):
    def test_the_batch_script_is_bash(self):
        done = subprocess.run(["bash", "-n", os.path.join(CONFIG, "slurm", "rondo.sbatch")],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_outside_slurm_it_says_what_it_is_for(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        done = subprocess.run(["bash", os.path.join(CONFIG, "slurm", "rondo.sbatch")], env=env,
                              capture_output=True, text=True, cwd=self.dir)
        self.assertEqual(done.returncode, 2)
        self.assertIn("sbatch", done.stderr)
        self.assertEqual(os.listdir(self.dir), [])


class Units(support.Case):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_systemd_understands_them(self):
        paths = [self.write(name, read("systemd", name).replace(
            "/usr/bin/rondo", shutil.which(support.RONDO))) for name in UNITS]
        paths[1] = os.path.join(self.dir, "rondo-worker@1.service")
        os.rename(self.path(UNITS[1]), paths[1])
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths],
                              capture_output=True, text=True)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "rondo" in line]
        self.assertEqual((done.returncode, said), (0, []), done.stderr)

    def test_they_are_hardened_alike(self):
        def hardening(name):
            return sorted(line for line in read("systemd", name).splitlines() if re.match(
                r"(NoNew|Cap|Amb|Protect|Private|Restrict(?!.*Prevent)|Lock|Memory|System)", line))
        self.assertEqual(hardening(UNITS[0]), hardening(UNITS[1]))
        self.assertIn("ProtectSystem=strict", hardening(UNITS[0]))
        text = read("systemd", UNITS[0])
        for line in ("RestartForceExitStatus=75", "SuccessExitStatus=75", "DynamicUser=yes",
                     "Restart=on-failure"):
            self.assertIn("\n%s\n" % line, text)


class Manifest(support.Case):
    @staticmethod
    def documents():
        try:
            import yaml
        except ImportError:
            raise unittest.SkipTest("there is no python3-yaml")
        return list(yaml.safe_load_all(read("kubernetes", "rondo.yaml")))

    @classmethod
    def kind(cls, kind):
        (found,) = [d for d in cls.documents() if d["kind"] == kind]
        return found

    @classmethod
    def containers(cls):
        """(pod, container)"""
        pods = [cls.kind(kind)["spec"]["template"] for kind in ("StatefulSet", "Job")]
        return [(pod, container) for pod in pods for container in pod["spec"]["containers"]]

    @staticmethod
    def words(container):
        return dict(word.split("=", 1) for word in container["args"])

    def test_the_kinds_and_their_versions(self):
        self.assertEqual([(d["apiVersion"], d["kind"]) for d in self.documents()], [
            ("v1", "Service"), ("v1", "PersistentVolumeClaim"), ("apps/v1", "StatefulSet"),
            ("batch/v1", "Job")])

    def test_names_match(self):
        service, claim, coordinator, job = self.documents()
        labels = coordinator["spec"]["template"]["metadata"]["labels"]
        for selector in (service["spec"]["selector"], coordinator["spec"]["selector"]["matchLabels"]):
            self.assertLessEqual(selector.items(), labels.items())
        self.assertEqual(coordinator["spec"]["serviceName"], service["metadata"]["name"])
        self.assertEqual(coordinator["spec"]["replicas"], 1)
        self.assertEqual(job["spec"]["completionMode"], "Indexed")
        self.assertEqual(job["spec"]["completions"], job["spec"]["parallelism"])
        made = {t["metadata"]["name"] for t in coordinator["spec"]["volumeClaimTemplates"]}
        for pod, container in self.containers():
            volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
            mounts = {m["name"] for m in container["volumeMounts"]}
            self.assertLessEqual(mounts, set(volumes) | made)
            self.assertLessEqual(set(volumes), mounts)
            self.assertEqual(volumes["data"]["persistentVolumeClaim"]["claimName"],
                             claim["metadata"]["name"])

    def test_ports_match(self):
        service = self.kind("Service")
        (_, coordinator), (_, worker) = self.containers()
        ports = {p["name"]: p["containerPort"] for p in coordinator["ports"]}
        for port in service["spec"]["ports"]:
            self.assertEqual(ports[port["targetPort"]], port["port"])
        words = self.words(coordinator)
        self.assertTrue(words["--listen"].endswith(":%d" % ports["workers"]))
        self.assertTrue(words["--http"].endswith(":%d" % ports["http"]))
        self.assertEqual(self.words(worker)["--coordinator"], "tls+tcp://%s:%d" % (
            service["metadata"]["name"], ports["workers"]))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertEqual(coordinator[probe]["httpGet"],
                             {"path": "/healthz", "port": "http", "scheme": "HTTPS"})

    def test_files_lie_in_what_is_mounted_and_in_secrets_that_are_made(self):
        made = {name: set(re.findall(r"--from-\w+=([\w.]+)=", words)) for name, words in re.findall(
            r"secret generic (\S+) ([^\n]*)", joined(read("kubernetes", "README.md")))}
        for pod, container in self.containers():
            folders = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
            secrets = {v["name"]: v["secret"]["secretName"] for v in pod["spec"]["volumes"]
                       if "secret" in v}
            for option, value in self.words(container).items():
                if not value.startswith("/"):
                    continue
                folder, name = os.path.split(value)
                self.assertTrue(value in folders or folder in folders, option)
                if folders.get(folder) in secrets:
                    self.assertIn(name, made[secrets[folders[folder]]])

    def test_nothing_has_more_rights_than_it_needs(self):
        for pod, container in self.containers():
            self.assertIs(pod["spec"]["automountServiceAccountToken"], False)
            self.assertIs(pod["spec"]["securityContext"]["runAsNonRoot"], True)
            rights = container["securityContext"]
            self.assertEqual(rights["capabilities"], {"drop": ["ALL"]})
            self.assertIs(rights["readOnlyRootFilesystem"], True)
            self.assertIs(rights["allowPrivilegeEscalation"], False)


if __name__ == "__main__":
    unittest.main()
