"""peers.py - the solvers that lasso_peers.py compares with: figures measured earlier, fits made now.

FIGURES, TWO and PATHS were measured once, in quiet, on the same kind of machine: the best of adelie,
celer, skglm, BlitzL1, glmnet and others on each case.  scikit-learn and glmnet fit here, where they
are installed, each in its own process: see fit_sklearn.py for what passes between.
"""

import os
import select
import shutil
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 300
TOLERANCES = [5 * 10.0 ** -k for k in range(5, 18)]  # as scikit-learn counts: half of our gap

# One pass X'r with one thread, seconds.
PASS = {"a": 0.060, "c": 0.061, "news20": 0.0011, "b": 0.0026}

# (design, loss, lambda_max/.): non-zeros, {tolerance: (who, seconds)}; None: nobody came there.
FIGURES = {
    ("leukemia", "squared", 10): (36, {1e-4: ("adelie", .0050), 1e-6: ("adelie", .0062),
                                       1e-9: ("celer", .0075)}),
    ("leukemia", "squared", 100): (69, {1e-4: ("adelie", .020), 1e-6: ("celer", .044),
                                        1e-9: ("BlitzL1", .18)}),
    ("leukemia", "squared", 1000): (71, {1e-4: ("adelie", .029), 1e-6: ("celer", .16),
                                         1e-9: ("celer", .21)}),
    ("riboflavin", "squared", 10): (31, {1e-4: ("celer", .0038), 1e-6: ("celer", .0039),
                                         1e-9: ("BlitzL1", .0068)}),
    ("riboflavin", "squared", 100): (62, {1e-4: ("celer", .019), 1e-6: ("celer", .026),
                                          1e-9: ("BlitzL1", .064)}),
    ("news20", "squared", 10): (72, {1e-4: ("adelie", .017), 1e-6: ("adelie", .022),
                                     1e-9: ("skglm", .036)}),
    ("news20", "squared", 100): (785, {1e-4: ("skglm", .100), 1e-6: ("skglm", .129),
                                       1e-9: ("celer", .25)}),
    ("a", "squared", 10): (624, {1e-4: ("skglm", 1.36), 1e-6: ("skglm", 1.76), 1e-9: None}),
    ("a", "squared", 100): (974, {1e-4: ("celer", 4.63), 1e-6: None, 1e-9: None}),
    ("b", "squared", 10): (205, {1e-4: ("adelie", .049), 1e-6: ("adelie", .050),
                                 1e-9: ("skglm", .073)}),
    ("b", "squared", 100): (6324, {1e-4: ("skglm", .34), 1e-6: ("skglm", .36),
                                   1e-9: ("celer", .63)}),
    ("c", "squared", 3): (293, {1e-4: ("adelie", .35), 1e-6: ("adelie", .37),
                                1e-9: ("skglm", .84)}),
    ("c", "squared", 10): (1326, {1e-4: ("skglm", 1.36), 1e-6: ("skglm", 1.65),
                                  1e-9: ("celer", 2.92)}),
    ("news20", "logistic", 10): (66, {1e-4: ("skglm", .020), 1e-6: ("skglm", .024),
                                      1e-9: ("BlitzL1", .038)}),
    ("news20", "logistic", 100): (552, {1e-4: ("skglm", .079), 1e-6: ("BlitzL1", .122),
                                        1e-9: ("BlitzL1", .134)}),
}

# Two threads, to 1e-4, wall seconds: adelie's, the only one that gains by them.
TWO = {
    ("leukemia", "squared", 10): .0071, ("leukemia", "squared", 100): .019,
    ("leukemia", "squared", 1000): .030, ("news20", "squared", 10): .018,
    ("news20", "squared", 100): .37, ("a", "squared", 10): 1.26, ("a", "squared", 100): 6.3,
    ("a", "squared", "path"): 4.1, ("b", "squared", 10): .033, ("b", "squared", 100): .89,
    ("c", "squared", 3): .19, ("c", "squared", 10): .96, ("c", "squared", "path"): 4.9,
}

# Paths of 100 lambdas, one thread: (design, loss): lambda_max/., {worst gap: (who, seconds)}.
PATHS = {
    ("leukemia", "squared"): (1000, {1e-4: ("adelie", .087), 1e-6: ("adelie", .62)}),
    ("riboflavin", "squared"): (1000, {1e-4: ("adelie", .087), 1e-6: ("adelie", 1.04)}),
    ("news20", "squared"): (100, {1e-4: ("adelie", 1.49), 1e-6: ("BlitzL1", 2.13)}),
    ("b", "squared"): (100, {1e-4: ("glmnet", 1.73), 1e-6: ("glmnet", 3.44)}),
    ("a", "squared"): (10, {1e-4: ("adelie", 6.5), 1e-6: None}),
    ("c", "squared"): (10, {1e-4: ("adelie", 7.3), 1e-6: None}),
    ("news20", "logistic"): (100, {1e-4: ("glmnet", 1.43), 1e-6: ("skglm", 2.64)}),
}


# ---- fits made now -------------------------------------------------------------------------------

class Peer:
    def __init__(self, name, loss, command, paths):
        self.name, self.loss, self.command, self.paths = name, loss, command, paths


def present():
    """The peers that are installed."""
    found = []
    if subprocess.run([sys.executable, "-c", "import sklearn"], stderr=subprocess.DEVNULL,
                      check=False).returncode == 0:
        server = [sys.executable, os.path.join(HERE, "fit_sklearn.py")]
        found += [Peer("scikit-learn", "squared", server + ["lasso"], True),
                  Peer("scikit-learn, liblinear", "logistic", server + ["liblinear"], False),
                  Peer("scikit-learn, saga", "logistic", server + ["saga"], False)]
    if shutil.which("Rscript") and subprocess.run(
            ["Rscript", "-e", "library(glmnet)"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode == 0:
        server = ["Rscript", os.path.join(HERE, "fit_glmnet.R")]
        found += [Peer("glmnet", "squared", server + ["gaussian"], True),
                  Peer("glmnet", "logistic", server + ["binomial"], True)]
    return found


class Server:
    """A peer with the data in memory, one thread."""

    def __init__(self, peer, design, lambdas, folder):
        self.out = os.path.join(folder, "peer.coef")
        self.lambdas, self.failed = lambdas, False
        lambda_file = os.path.join(folder, "peer.lambdas")
        with open(lambda_file, "w", encoding="utf-8") as stream:
            stream.writelines("%.17g\n" % lam for lam in lambdas)
        words = peer.command + [design.target_file(peer.loss), lambda_file, self.out] + design.parts
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=dict(os.environ, **one))
        if self.line(START_SECONDS) != "ready":
            self.failed = True
            self.stop()

    def line(self, seconds):
        """Its next line; empty where it has ended, None where the time is up."""
        if not select.select([self.process.stdout], [], [], max(0, seconds))[0]:
            return None
        return self.process.stdout.readline().decode().strip()

    def fit(self, tolerance, limit):
        """(seconds, coefficients p x L); None where it took longer than the limit, or failed."""
        if self.process.poll() is not None:
            return None
        self.process.stdin.write(b"%.17g\n" % tolerance)
        self.process.stdin.flush()
        line = self.line(limit)
        if not line:
            self.failed = line is not None
            self.stop()
            return None
        coefficients = np.fromfile(self.out)
        return float(line), coefficients.reshape(len(self.lambdas), -1).T

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def race(peer, design, lambdas, goals, worst_gap, limit, runs, folder):
    """{goal: (seconds or a word, gap)}: the least of `runs` fits with the first tolerance that comes to
    the goal by worst_gap(coefficients); a word where all its fits from the goal before to there take
    longer than the limit, or where no tolerance helps."""
    server = Server(peer, design, lambdas, folder)
    tolerances, got, fitted, gap = iter(TOLERANCES), {}, None, float("inf")
    tolerance = None
    try:
        for goal in goals:
            left = limit
            while not gap <= goal:
                tolerance = next(tolerances, None)
                fitted = tolerance and server.fit(tolerance, left)
                if not fitted:
                    break
                left -= fitted[0]
                gap = worst_gap(fitted[1])
            if not gap <= goal:
                word = "failed" if server.failed else "none" if not tolerance else "> %g" % limit
                return {later: got.get(later, (word, gap)) for later in goals}
            seconds = fitted[0]
            for _ in range(runs - 1):
                again = server.fit(tolerance, limit) if seconds < limit / 20 else None
                seconds = min(seconds, again[0]) if again else seconds
            got[goal] = (seconds, gap)
    finally:
        server.stop()
    return got
