"""The app lasso beside other solvers, on random small problems that ask for all it has.

Reference: reference_lasso.py, optimal to the last digits.  It is held to SciPy's L-BFGS-B on all
problems, to scikit-learn on those that it can express, and to glmnet where it is installed; and
rondo is held to all of them.  RONDO_AGREEMENT_SEED=7 draws other problems, RONDO_AGREEMENT_SHARE=10
ten times as many.
"""

import functools
import os
import shutil
import tempfile
import unittest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the problems are small

import numpy as np
import scipy.io
import scipy.sparse as sp

import peers_lasso
import support
from lasso_problems import Drawn
from reference_lasso import Problem, chosen, cross_validate
from support import call, read_json

SEED = int(os.environ.get("RONDO_AGREEMENT_SEED", "1"))
SHARE = float(os.environ.get("RONDO_AGREEMENT_SHARE", "0.2" if support.SANITIZED else "1"))
COUNT = {"squared": 50, "logistic": 50, "huber": 20, "poisson": 20}
NO_GLMNET = peers_lasso.why_no_glmnet()
AGREE = 1e-7  # of the objective at b = 0
# What share of a loss's problems may end at "precision": optimal as far as F shows, with a larger gap.
MAY_STALL = {}


class Answer:
    """A drawn problem with the reference's path, and what peers find at its last lambda."""

    def __init__(self, drawn):
        self.drawn, self.problem = drawn, drawn.problem
        self.fits = drawn.problem.path(drawn.lambdas)
        self.peers = {name: self.objective_of(solve(drawn.problem, drawn.lambdas[-1]))
                      for name, solve in (("scipy", peers_lasso.bounded),
                                          ("scikit-learn", peers_lasso.sklearn))}

    def objective_of(self, peer):
        return None if peer is None else self.problem.objective(*peer, self.drawn.lambdas[-1])

    def off(self, objective):
        """From the optimum at the last lambda, in the contract's unit."""
        return (objective - self.fits[-1].objective) / self.problem.null_objective


@functools.lru_cache(maxsize=None)
def answers(loss):
    count = int(np.ceil(COUNT[loss] * SHARE))
    print("seed %d: %d problems of the %s loss" % (SEED, count, loss), flush=True)
    found = [Answer(Drawn(SEED, k, loss)) for k in range(count)]
    if NO_GLMNET is None:
        folder = tempfile.mkdtemp(prefix="rondo-e2e-")
        theirs = peers_lasso.glmnet(folder, [(a.problem, a.drawn.lambdas) for a in found])
        shutil.rmtree(folder)
        for answer, fits in zip(found, theirs):
            answer.peers["glmnet"] = answer.objective_of(fits[-1] if fits else None)
    return found


class Reference(unittest.TestCase):
    def test_it_is_optimal(self):
        for loss in COUNT:
            for answer in answers(loss):
                with self.subTest(str(answer.drawn)):
                    null = answer.problem.null_objective
                    for fit, lam in zip(answer.fits, answer.drawn.lambdas):
                        self.assertLessEqual(fit.violation, 1e-12)
                        falls = answer.problem.single_moves(fit.b, fit.b0, lam)
                        self.assertLessEqual(falls.max(), 1e-13 * null)

    def held_to(self, peer, least):
        """least: how many problems of each loss the peer must have been able to express."""
        for loss, share in least.items():
            seen = [(answer, answer.peers[peer]) for answer in answers(loss)
                    if answer.peers[peer] is not None]
            self.assertGreaterEqual(len(seen), share * len(answers(loss)), loss)
            for answer, objective in seen:
                with self.subTest(str(answer.drawn)):
                    self.assertGreaterEqual(answer.off(objective), -1e-12)
                    self.assertLessEqual(answer.off(objective), AGREE / 2)
            print("%s, %s: %d problems, at most %.1e above the reference" % (
                peer, loss, len(seen), max(answer.off(value) for answer, value in seen)))

    def test_scipy_agrees(self):
        self.held_to("scipy", {loss: 1 for loss in COUNT})

    def test_scikit_learn_agrees(self):
        self.held_to("scikit-learn", {"squared": 0.7, "logistic": 0.25, "poisson": 0.01})

    @unittest.skipIf(NO_GLMNET, NO_GLMNET)
    def test_glmnet_agrees(self):
        self.held_to("glmnet", {"squared": 0.8, "logistic": 0.8, "poisson": 0.7})


class Rondo(support.Case):
    def check(self, answer):
        drawn, problem = answer.drawn, answer.problem
        out = "%03d.out" % drawn.number
        result = self.solve(drawn.write(self), out, "--trace", "off")
        self.assertEqual(result["state"], "completed")
        self.assertIn(result["stop_reason"], ("gap", "precision"))
        stalled = result["stop_reason"] == "precision"
        points = read_json(self.path(out, "path.json"))
        b = scipy.io.mmread(self.path(out, "coef.mtx")).toarray()
        self.assertEqual((len(points), b.shape), (len(drawn.lambdas), (problem.p, len(points))))
        for k, point in enumerate(points):
            self.check_point(answer, k, point, b[:, k], stalled)
        last = problem.objective(b[:, -1], points[-1]["intercept"], points[-1]["lambda"])
        for peer, objective in answer.peers.items():
            if objective is not None:
                self.assertLessEqual(abs(last - objective), AGREE * problem.null_objective, peer)
        if problem.loss == "logistic":
            self.check_labels(out, problem)
        if drawn.number % 10 == 3:
            again = self.solve(self.path("%03d.json" % drawn.number), out + "3", "--trace", "off",
                               "--workers", "3")
            self.assertEqual(again["model_sha256"], result["model_sha256"])
        return stalled and "%s: gap %.1e" % (drawn, max(point["gap"] for point in points))

    def check_point(self, answer, k, point, b, stalled):
        problem, null = answer.problem, answer.problem.null_objective
        lam, b0 = point["lambda"], point["intercept"]
        asked = answer.drawn.lambdas[k]
        self.assertAlmostEqual(lam / asked, 1, delta=0 if "lambda" in answer.drawn.params else 1e-8)
        self.assertLessEqual(point["gap"], 1e-6 if stalled else 1e-9)
        objective = problem.objective(b, b0, lam)
        self.assertAlmostEqual(objective / null, point["objective"] / null, delta=1e-11)
        # The gap is a bound of what is left, so is the optimum's distance,
        best = problem.solve(lam, answer.fits[k]).objective
        self.assertGreaterEqual((objective - best) / null, -1e-12)
        self.assertLessEqual((objective - best) / null, (0 if stalled else point["gap"]) + 1e-12)
        # and so is what any coefficient's own condition leaves.
        self.assertLessEqual(problem.single_moves(b, b0, lam).max() / null, point["gap"] + 1e-12)
        self.assertEqual(point["nnz"], np.count_nonzero(b))
        if problem.nonnegative:
            self.assertGreaterEqual(b.min(), 0)
        if not problem.intercept:
            self.assertEqual(b0, 0)
        dropped = np.setdiff1d(np.arange(problem.p), problem.kept)
        self.assertFalse(b[dropped].any())

    def check_labels(self, out, problem):
        """Which class is positive is told, unless it is 1 and the other -1."""
        labels = sorted(set(problem.y))
        if os.path.exists(self.path(out, "classes.json")) or labels != [-1, 1]:
            self.assertEqual(read_json(self.path(out, "classes.json"))["labels"], labels)

    def all_of(self, loss):
        stalled = []
        for answer in answers(loss):
            with self.subTest(str(answer.drawn)):
                stalled.append(self.check(answer))
        stalled = [word for word in stalled if word]
        self.assertLessEqual(len(stalled), MAY_STALL.get(loss, 0) * len(answers(loss)),
                             "\n".join(["these end at precision:"] + stalled))

    def test_squared(self):
        self.all_of("squared")

    def test_logistic(self):
        self.all_of("logistic")

    def test_huber(self):
        self.all_of("huber")

    def test_poisson(self):
        self.all_of("poisson")


class CrossValidation(support.Case):
    """The folds stand in a file, so that others have the same."""

    GAP = 1e-12
    NEAR = 1e-5  # of the error of the null model: what that gap leaves of an error, with room

    def make(self, loss="squared", n=90, p=14, ids=(0, 1, 2, 3, 4), weighted=False,
             sparse=False, **params):
        random = np.random.default_rng([SEED, 99])
        x = random.standard_normal((n, p)) * random.uniform(0.5, 2, p) + 1
        if sparse:
            x *= random.random((n, p)) < 0.3
        eta = x[:, :3] @ (1.0, -0.7, 0.5) - 0.8 + random.normal(0, 1.5, n)
        y = {"squared": eta, "huber": eta + random.standard_t(1.5, n),
             "logistic": np.where(eta > 0, 2.0, 1.0),
             "poisson": random.poisson(np.exp(np.clip(0.4 * eta, -3, 2))).astype(float)}[loss]
        weights = random.uniform(0.2, 3, n) if weighted else None
        fold = random.permutation(np.resize(ids, n - n // 10))  # of unequal sizes
        fold = np.concatenate([fold, np.full(n // 10, ids[0])])
        files = {"weights": weights}
        files["penalty_factor"] = random.choice([0.0, 0.5, 1.0, 2.0], p) if sparse else None
        np.save(self.path("x.npy"), x)
        np.save(self.path("y.npy"), y)
        scipy.io.mmwrite(self.path("x.mtx"), sp.coo_matrix(x), precision=17)
        self.write("fold.txt", "".join("%d\n" % k for k in fold))
        asked = {"loss": loss, "path": {"count": 12, "min_ratio": 0.01}, "cv": {"folds": "fold.txt"}}
        for key, values in files.items():
            if values is not None:
                np.save(self.path(key + ".npy"), values)
                asked[key] = key + ".npy"
        spec = self.spec("x.mtx" if sparse else "x.npy", "y.npy", params={**asked, **params},
                         stop={"gap": self.GAP})
        return Problem(x, y, loss=loss, **files, **params), fold, spec

    def answer(self, spec, out="out", *words):
        self.run_job(spec, out, "--trace", "off", *words)
        return read_json(self.path(out, "cv.json")), read_json(self.path(out, "path.json"))

    def consistent(self, found, path, rule="min"):
        """What can be said of cv.json without the data; returns errors, means and deviations."""
        self.assertLessEqual({"rule", "folds", "measure", "lambda_min", "lambda_1se", "chosen",
                              "points"}, set(found))
        lambdas = [point["lambda"] for point in path]
        self.assertEqual([point["lambda"] for point in found["points"]], lambdas)
        errors = np.array([point["folds"] for point in found["points"]])
        self.assertEqual(errors.shape, (len(path), found["folds"]))
        mean, se = (np.array([point[name] for point in found["points"]]) for name in ("mean", "se"))
        at = chosen(mean, se)
        self.assertEqual((found["lambda_min"], found["lambda_1se"]), (lambdas[at[0]], lambdas[at[1]]))
        self.assertEqual(found["rule"], rule)
        self.assertEqual(found["chosen"], lambdas[at[rule == "1se"]])
        return errors, mean, se

    def near(self, found, wanted, scale):
        self.assertLessEqual(np.abs(found - wanted).max(), self.NEAR * scale)

    def agrees(self, problem, fold, spec, out="out"):
        """With the reference; and the refit is the optimum on all data.  Returns what was found."""
        found, path = self.answer(spec, out)
        errors, mean, se = self.consistent(found, path)
        lambdas = np.array([point["lambda"] for point in path])
        np.testing.assert_allclose(lambdas, problem.lambda_max * 0.01 ** (np.arange(12) / 11),
                                   rtol=1e-8)
        theirs = cross_validate(problem, fold, lambdas)
        scale = theirs[1][0]
        for ours, wanted in zip((errors, mean, se), theirs):
            self.near(ours, wanted, scale)
        b = scipy.io.mmread(self.path(out, "coef.mtx")).toarray()
        for k, fit in enumerate(problem.path(lambdas)):
            refit = problem.objective(b[:, k], path[k]["intercept"], lambdas[k])
            self.assertLessEqual(abs(refit - fit.objective), 1e-11 * problem.null_objective)
        return lambdas, errors, mean, se

    def agrees_with_sklearn(self, **options):
        problem, fold, spec = self.make(**options)
        lambdas, errors, _, _ = self.agrees(problem, fold, spec)
        self.near(errors, peers_lasso.sklearn_folds(problem, fold, lambdas), errors[0].mean())

    def test_squared_as_scikit_learn_has_it(self):
        self.agrees_with_sklearn()

    def test_weights_and_an_elastic_net_as_scikit_learn_has_them(self):
        self.agrees_with_sklearn(weighted=True, l1_ratio=0.5)

    def test_without_an_intercept_and_nonnegative_as_scikit_learn_has_it(self):
        self.agrees_with_sklearn(intercept=False, nonnegative=True)

    def test_standardised_on_the_rows_that_are_fitted(self):
        """As glmnet does, and a pipeline of scikit-learn's."""
        self.agrees(*self.make(standardize=True, weighted=True))

    def test_logistic(self):
        self.agrees(*self.make("logistic", weighted=True))

    def test_poisson(self):
        self.agrees(*self.make("poisson", weighted=True))

    def test_sparse_columns_some_of_them_without_a_penalty(self):
        for loss in ("squared", "logistic"):
            with self.subTest(loss=loss):
                self.agrees(*self.make(loss, sparse=True, weighted=True, l1_ratio=0.5), out=loss)

    def test_huber_counts_twice_the_loss(self):
        self.agrees(*self.make("huber"))

    def test_ids_of_any_kind_stand_in_their_order(self):
        self.agrees(*self.make(ids=(70, 3, 12)))

    @unittest.skipIf(NO_GLMNET, NO_GLMNET)
    def test_means_and_deviations_as_glmnet_has_them(self):
        for loss in ("squared", "logistic", "poisson"):
            with self.subTest(loss=loss):
                problem, fold, spec = self.make(loss, weighted=True)
                found, path = self.answer(spec, loss)
                _, mean, se = self.consistent(found, path)
                lambdas = [point["lambda"] for point in path]
                ((peer_mean, peer_se),) = peers_lasso.glmnet(self.dir, [(problem, lambdas)], [fold])
                self.near(mean, peer_mean, mean[0])
                self.near(se, peer_se, mean[0])

    def test_the_reference_has_the_peers_errors(self):
        grid = 0.01 ** (np.arange(12) / 11)
        for options in ({}, {"weighted": True, "l1_ratio": 0.5},
                        {"intercept": False, "nonnegative": True}):
            problem, fold, _ = self.make(**options)
            lambdas = problem.lambda_max * grid
            errors = cross_validate(problem, fold, lambdas)[0]
            self.near(errors, peers_lasso.sklearn_folds(problem, fold, lambdas), errors[0].mean())
        for k in range(0 if NO_GLMNET else 6):
            problem, fold, _ = self.make(("squared", "logistic", "poisson")[k % 3], weighted=True,
                                         standardize=k >= 3)
            lambdas = problem.lambda_max * grid
            _, mean, se = cross_validate(problem, fold, lambdas)
            ((peer_mean, peer_se),) = peers_lasso.glmnet(self.dir, [(problem, lambdas)], [fold])
            self.near(mean, peer_mean, mean[0])
            self.near(se, peer_se, mean[0])

    def test_a_number_of_folds(self):
        _, _, spec = self.make()
        models = set()
        for words in ((), ("--workers", "3"), ("--set", "params.cv.rule=1se")):
            out = "out%d" % len(words) + "".join(words[1:])
            found, path = self.answer(spec, out, "--set", "params.cv.folds=6", *words)
            errors, mean, se = self.consistent(found, path, "1se" if "params" in out else "min")
            self.assertEqual(found["folds"], 6)
            self.assertGreater(errors.min(), 0)
            np.testing.assert_allclose(mean, errors.mean(axis=1), rtol=1e-12)  # 15 rows each
            np.testing.assert_allclose(se, errors.std(axis=1) / np.sqrt(5), rtol=1e-9)
            models.add(support.sha256(self.path(out, "coef.mtx")))
        self.assertEqual(len(models), 1)
        self.assertEqual(support.sha256(self.path("out0", "cv.json")),
                         support.sha256(self.path("out23", "cv.json")))

    def test_what_was_chosen_predicts(self):
        problem, _, spec = self.make()
        for rule in ("min", "1se"):
            found, path = self.answer(spec, rule, "--set", "params.cv.rule=" + rule)
            self.consistent(found, path, rule)
            at = [point["lambda"] for point in path].index(found["chosen"])
            b = scipy.io.mmread(self.path(rule, "coef.mtx")).toarray()[:, at]
            done = call("predict", "--model", self.path(rule), "--data", self.path("x.npy"), "--out",
                        self.path("eta.npy"))
            self.assertEqual(done.returncode, 0, done.stderr)
            np.testing.assert_allclose(np.load(self.path("eta.npy")),
                                       problem.eta(b, path[at]["intercept"]), rtol=1e-10, atol=1e-10)


if __name__ == "__main__":
    unittest.main()
