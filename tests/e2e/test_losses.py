"""Losses, weights, penalty factors and cross-validation: the same bits however a job is run, interrupted,
resumed or sent, and what is left where one is stopped."""

import json
import os
import re
import signal
import unittest

import numpy as np
import scipy.io

import support
from cluster import Coordinator
from installed import SOURCE
from support import call, read_json, sha256
from test_same_bits import Bits

FILES = ("coef.mtx", "path.json", "cv.json")


class Jobs(Bits):
    """A design with a y for each loss; weights, factors and folds in files of a folder."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("data"))

    def make(self, n=120, p=200, seed=5, free=True):
        chance = np.random.default_rng(seed)
        x = chance.normal(size=(n, p))
        x[:, 1:] = 0.7 * x[:, :-1] + 0.3 * x[:, 1:]
        z = x[:, ::20] @ chance.normal(size=len(range(0, p, 20))) + 0.3 * chance.normal(size=n)
        z /= z.std()
        factor = chance.choice([0.5, 1, 2], p)
        if free:
            factor[7] = 0
        made = {"x": x, "squared": z, "huber": z + 5 * (chance.random(n) < 0.1),
                "logistic": np.where(z + chance.normal(size=n) > 0, 3.0, -1.0),
                "poisson": chance.poisson(np.exp(z)).astype(float),
                "weights": chance.random(n) + 0.1, "factor": factor, "folds": np.arange(n) % 4 + 5.0}
        for name, values in made.items():
            np.save(self.path("data", name + ".npy"), values)
        return made

    def file(self, name):
        return self.path("data", name + ".npy")

    def job(self, loss, name="job.json", weights=True, factor=True, cv=None, **more):
        params = {"loss": loss}
        if weights:
            params["weights"] = self.file("weights")
        if factor:
            params["penalty_factor"] = self.file("factor")
        if cv is None:
            params["lambda_ratio"] = 0.05
        else:
            params["cv"] = cv
            params["path"] = {"count": 12, "min_ratio": 0.05}
        return self.spec(self.file("x"), self.file(loss), name=name,
                         **support.merge({"params": params}, more))

    def files(self, out):
        return {name: sha256(self.path(out, name)) for name in FILES
                if os.path.exists(self.path(out, name))}


class SameBits(Jobs):
    def same_files(self, spec, prefix):
        """All files, for each number of workers, lost ones, and in messages of bytes."""
        self.solve(spec, prefix, "--workers", 1)
        first, result = self.files(prefix), self.result(prefix)
        half = max(1, result["rounds"] // 2)
        runs = {"w%d" % n: (("--workers", n), {}) for n in (2, 3, 7)}
        for workers, lost in ((2, 0), (3, 2)):
            runs["lost%dof%d" % (lost, workers)] = (
                ("--workers", workers), {"RONDO_TEST_LOSE_WORKER": "%d@%d" % (lost, half)})
        runs["bytes"] = (("--workers", 2), {"RONDO_TEST_WIRE": "bytes"})
        for name, (words, env) in runs.items():
            with self.subTest(run=prefix + " " + name):
                again = self.solve(spec, prefix + name, *words, env=env)
                self.assertEqual(self.files(prefix + name), first)
                for key in ("objective", "rounds", "updates", "nnz"):
                    self.assertEqual(again[key], result[key], key)
        return first

    def test_each_loss_whatever_the_workers(self):
        self.make()
        for loss in ("logistic", "poisson", "huber", "squared"):
            with self.subTest(loss=loss):
                self.same_files(self.job(loss), loss)

    def test_cross_validation_whatever_the_workers(self):
        self.make()
        for loss, folds in (("logistic", self.file("folds")), ("squared", 3)):
            with self.subTest(loss=loss):
                self.assertIn("cv.json", self.same_files(self.job(loss, cv={"folds": folds}), loss))
        with self.subTest(loss="squared, rows alike"):
            spec = self.job("squared", weights=False, factor=False, cv={"folds": self.file("folds")})
            self.assertIn("cv.json", self.same_files(spec, "alike"))

    def test_weights_are_relative_and_folds_are_names(self):
        """Weights times 4 and folds numbered otherwise in the same order: the same job."""
        made = self.make()
        spec = self.job("logistic", cv={"folds": self.file("folds")})
        self.solve(spec, "one")
        np.save(self.file("weights"), 4 * made["weights"])
        np.save(self.file("folds"), 100 * made["folds"] - 500)
        self.solve(spec, "two")
        self.assertEqual(self.files("one"), self.files("two"))

    def test_the_seed_deals_the_folds(self):
        self.make()
        spec = self.job("squared", cv={"folds": 3})
        self.solve(spec, "one")
        self.solve(spec, "two", "--set", "seed=2")
        self.assertEqual(*(read_json(self.path(out, "path.json"))[-1]["nnz"] for out in ("one", "two")))
        self.assertNotEqual(*(read_json(self.path(out, "cv.json"))["points"][-1]["folds"]
                              for out in ("one", "two")))

    def test_as_many_folds_as_rows(self):
        made = self.make(n=30, p=20, free=False)
        spec = self.job("squared", weights=False, factor=False, cv={"folds": 30})
        self.solve(spec, "out", "--workers", 3)
        cv = read_json(self.path("out", "cv.json"))
        self.assertEqual(cv["folds"], 30)
        # At lambda_max the model of a fold is the mean of the other rows, in closed form.
        y = made["squared"]
        self.assertAlmostEqual(cv["points"][0]["mean"], ((y - y.mean()) ** 2).mean() * (30 / 29) ** 2,
                               delta=0.02)


class Steps(Jobs):
    def steps(self, spec, out):
        result = self.solve(spec, out)
        self.assertEqual(result["stop_reason"], "gap")
        self.assertLessEqual(result["metrics"]["gap"], 1e-6)
        return result["metrics"]["inner_steps"]

    def test_a_huber_loss_that_is_flat_for_nearly_all_rows(self):
        """A delta of a thousandth of the residuals takes no more than some tens of times the steps."""
        self.make(n=500, p=200, free=False)
        job = lambda delta: self.job("huber", "%g.json" % delta, weights=False, factor=False,
                                     params={"huber_delta": delta, "lambda_ratio": 0.1})
        wide = self.steps(job(1.0), "wide")
        for delta in (1e-2, 1e-3, 1e-4):
            with self.subTest(delta=delta):
                self.assertLess(self.steps(job(delta), "at%g" % delta), 200 * wide)

    def test_a_model_is_of_all_that_moves_however_small_the_blocks(self):
        self.make()
        self.steps(self.job("squared"), "whole")
        small = {"blocks": 1, "block_size": 1}
        self.steps(self.job("squared", "small.json", schedule=small), "small")
        self.assertEqual(self.files("small"), self.files("whole"))


class Stopped(Jobs):
    def long(self, **more):
        """Some hundreds of rounds."""
        self.make(n=150, p=400, seed=6)
        return self.job("logistic", cv={"folds": self.file("folds")},
                        **support.merge({"params": {"path": {"count": 60, "min_ratio": 0.02}},
                                         "checkpoint": {"seconds": 0.01, "snapshot_rounds": 7}}, more))

    def stopped_and_resumed(self, number):
        spec = self.long()
        result = self.solve(spec, "whole", "--workers", 2)
        whole, count = self.files("whole"), 0
        for seed in range(1, 12):
            if seed > (1 if support.SANITIZED else 3) and count:
                break
            out = "stopped%d" % seed
            count += self.interrupted(spec, out, seed, 0.8 * result["seconds"]["solve"], number=number)
            self.assertEqual(self.files(out), whole)
            for key in ("objective", "rounds", "updates", "nnz"):
                self.assertEqual(self.result(out)[key], result[key], key)
            self.rounds_are_whole(out)
        self.assertGreater(count, 0, "no run was stopped in time")

    def test_interrupted_amid_the_folds(self):
        self.stopped_and_resumed(signal.SIGINT)

    def test_killed_amid_the_folds(self):
        self.stopped_and_resumed(signal.SIGKILL)

    def test_resumed_after_its_end(self):
        """Nothing changes: neither as it was asked, nor again and again with a smaller gap."""
        self.make()
        spec = self.job("logistic", cv={"folds": self.file("folds"), "rule": "1se"})
        result = self.solve(spec, "out")
        files = self.files("out")
        again = self.solve(spec, "out", "--resume", "--workers", 3)
        self.assertEqual(self.files("out"), files)
        for key in ("objective", "rounds", "nnz", "stop_reason"):
            self.assertEqual(again[key], result[key], key)
        os.remove(self.path("out", "cv.json"))
        for _ in range(2):
            finer = self.solve(spec, "out", "--resume", "--set", "stop.gap=1e-7")
            points = read_json(self.path("out", "path.json"))
            self.assertLessEqual(max(point["gap"] for point in points), 1e-7)
            self.assertEqual(len(points), 12)
            chosen = read_json(self.path("out", "cv.json"))["chosen"]
            self.assertEqual(finer["metrics"]["lambda"], chosen)
            self.assertAlmostEqual(finer["objective"], result["objective"], delta=1e-6 * result["objective"])

    def test_with_as_many_rounds_as_it_takes(self):
        """A limit at the last round, or one more, or one that is raised afterwards: nothing is done twice."""
        self.make()
        spec = self.job("logistic", cv={"folds": self.file("folds")})
        result = self.solve(spec, "whole")
        whole = self.files("whole")
        for limit in (result["rounds"] - 1, result["rounds"], result["rounds"] + 1):
            with self.subTest(limit=limit - result["rounds"]):
                out = "by%d" % limit
                self.solve(spec, out, "--set", "stop.rounds=%d" % limit)
                again = self.solve(spec, out, "--resume", "--workers", 2)
                self.assertEqual(self.files(out), whole)
                for key in ("objective", "rounds", "updates", "metrics", "stop_reason"):
                    self.assertEqual(again[key], result[key], key)
                self.rounds_are_whole(out)

    def test_killed_as_it_goes_on_after_its_end(self):
        """Its old result does not speak for it: what it has found by then is not thrown away."""
        spec = self.long()
        self.solve(spec, "out", "--set", "stop.rounds=5")
        self.assertEqual(self.result("out")["state"], "completed")
        status, said = self.part(spec, "out", 0, signal.SIGKILL, "--resume")
        self.assertEqual(status, -signal.SIGKILL, said)
        self.assertFalse(os.path.exists(self.path("out", "result.json")))
        done = call("run", spec, "--out", self.path("out"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--resume", done.stderr)
        self.solve(spec, "out", "--resume")

    def test_stopped_half_way_by_rounds(self):
        spec = self.long()
        result = self.solve(spec, "whole")
        half = result["rounds"] // 2
        done = call("run", spec, "--out", self.path("half"), "--set", "stop.rounds=%d" % half)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "warning: stopped by rounds before the goal")
        (note,) = [note for note in self.result("half")["notes"] if "stopped" in note]
        metrics = self.result("half")["metrics"]
        self.assertIn("all data are at lambda %d of 60, 0 of 4 folds are done" % metrics["lambdas"], note)
        self.assertIn("there is no cv.json", note)
        self.assertIn(note, done.stderr)
        self.assertGreater(metrics["fold_lambdas"], 3)
        self.assertEqual(self.result("whole")["metrics"]["fold_lambdas"], 240)
        self.assertFalse(os.path.exists(self.path("half", "cv.json")))
        self.assertGreater(len(read_json(self.path("half", "path.json"))), 1)
        self.assertEqual(self.result("half")["stop_reason"], "rounds")
        done = call("run", spec, "--out", self.path("quiet"), "--set", "stop.rounds=%d" % half, "--quiet")
        self.assertIn("%s says how far it is" % self.path("quiet", "result.json"), done.stderr)
        # What there is can be used, and says that nothing is chosen.
        done = call("predict", "--model", self.path("half"), "--data", self.file("x"), "--out",
                    self.path("p.npy"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.solve(spec, "half", "--resume", "--workers", 3)
        self.assertEqual(self.files("half"), self.files("whole"))

    def test_the_trace_tells_of_folds_and_lambdas(self):
        self.solve(self.long(), "out")
        metrics = self.result("out")["metrics"]
        done = call("trace", "summary", self.path("out"))
        self.assertRegex(done.stdout, r"(?m)^lambdas +60 of all data and 240 of 4 folds, .*: [0-9.]+ ms each$")
        self.assertIn("each with what all data and every fold ask for", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^sweeps +%d$" % metrics["sweeps"])
        self.assertNotRegex(done.stdout, "(?m)^refused")
        told = json.loads(call("trace", "summary", self.path("out"), "--json").stdout)
        self.assertEqual(told["meta"]["folds"], "4")
        self.assertEqual(told["meta"]["updates"], str(self.result("out")["updates"]))
        self.assertAlmostEqual(told["lambda_ns"], told["elapsed_ns"] / 300, delta=1)
        few = json.loads(call("trace", "summary", self.path("out"), "--first", "3", "--json").stdout)
        self.assertIsNone(few["lambda_ns"])

    def test_another_loss_is_another_job(self):
        self.make()
        self.solve(self.job("logistic"), "out")
        other = self.job("logistic", weights=False, name="other.json")
        done = call("run", other, "--out", self.path("out"), "--resume")
        self.assertNotEqual(done.returncode, 0)

    def test_other_weights_are_other_data(self):
        """A checkpoint knows its data by their content, weights and folds among them."""
        made = self.make()
        spec = self.job("logistic", cv={"folds": self.file("folds")})
        self.solve(spec, "out", "--set", "stop.rounds=20")
        for name, values in (("weights", made["weights"][::-1]), ("folds", made["folds"][::-1]),
                             ("factor", made["factor"][::-1])):
            with self.subTest(file=name):
                np.save(self.file(name), values)
                done = call("run", spec, "--out", self.path("out"), "--resume", "--set", "stop.rounds=40")
                self.assertEqual(done.returncode, 2, done.stderr)
                np.save(self.file(name), made[name])


class Results(Jobs):
    def predicted(self, out, *words):
        done = call("predict", "--model", self.path(out), "--data", self.file("x"), "--out",
                    self.path("p.npy"), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return np.load(self.path("p.npy"))

    def test_classes_and_probabilities(self):
        made = self.make()
        self.solve(self.job("logistic"), "out")
        b, b0 = self.model("out")
        z = made["x"] @ b + b0
        np.testing.assert_allclose(self.predicted("out", "--type", "link"), z, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(self.predicted("out", "--type", "response"), 1 / (1 + np.exp(-z)),
                                   rtol=1e-12)
        classes = self.predicted("out", "--type", "class")
        np.testing.assert_array_equal(classes, np.where(z > 0, 3.0, -1.0))
        self.assertGreater((classes == made["logistic"]).mean(), 0.8)
        self.assertEqual(read_json(self.path("out", "classes.json"))["labels"], [-1, 3])

    def test_counts(self):
        made = self.make()
        self.solve(self.job("poisson"), "out")
        b, b0 = self.model("out")
        z = made["x"] @ b + b0
        np.testing.assert_allclose(self.predicted("out", "--type", "link"), z, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(self.predicted("out"), np.exp(z), rtol=1e-12)

    def test_the_chosen_lambda_predicts(self):
        made = self.make()
        for rule in ("min", "1se"):
            spec = self.job("squared", cv={"folds": 4, "rule": rule})
            result = self.solve(spec, rule)
            cv, points = read_json(self.path(rule, "cv.json")), read_json(self.path(rule, "path.json"))
            self.assertEqual(cv["chosen"], cv["lambda_" + rule])
            number = [point["lambda"] for point in points].index(cv["chosen"])
            b = np.asarray(scipy.io.mmread(self.path(rule, "coef.mtx")).todense())[:, number]
            np.testing.assert_allclose(self.predicted(rule), made["x"] @ b + points[number]["intercept"],
                                       rtol=1e-11, atol=1e-11)
            self.assertEqual(result["nnz"], points[number]["nnz"])
            self.assertEqual(result["objective"], points[number]["objective"])
            self.assertEqual(result["metrics"]["lambda"], cv["chosen"])
            self.errors_are_what_they_say(cv, np.asarray([point["lambda"] for point in points]))
        self.assertGreaterEqual(cv["lambda_1se"], cv["lambda_min"])

    def errors_are_what_they_say(self, cv, lambdas):
        means = np.array([point["mean"] for point in cv["points"]])
        ses = np.array([point["se"] for point in cv["points"]])
        least = means.argmin()
        within = means <= means[least] + ses[least]
        np.testing.assert_array_equal([point["lambda"] for point in cv["points"]], lambdas)
        self.assertEqual(cv["lambda_min"], lambdas[least])
        self.assertEqual(cv["lambda_1se"], lambdas[within.argmax()])

    def test_a_chosen_model_without_coefficients(self):
        """y is noise: the largest lambda is the best, and its model has but an intercept."""
        made = self.make(free=False)
        np.save(self.file("squared"), np.random.default_rng(0).normal(size=len(made["squared"])))
        result = self.solve(self.job("squared", weights=False, factor=False, cv={"folds": 5, "rule": "1se"}))
        self.assertEqual(result["nnz"], 0)
        self.assertEqual(result["metrics"]["lambda"], result["metrics"]["lambda_max"])
        self.assertEqual(len(set(self.predicted("out"))), 1)


    def test_weights_however_small(self):
        made = self.make()
        spec = self.job("logistic")
        whole = self.solve(spec, "whole")
        np.save(self.file("weights"), made["weights"] * 1e-308)
        small = self.solve(spec, "small")
        self.assertAlmostEqual(small["objective"], whole["objective"], delta=1e-6)
        self.assertEqual(small["stop_reason"], "gap")

    def test_errors_beyond_all_numbers_are_numbers(self):
        """Held-out rows so far off that e^eta is no number: cv.json is JSON, and the error is large."""
        chance = np.random.default_rng(1)
        x = chance.normal(size=(60, 20))
        np.save(self.file("poisson"), chance.poisson(np.exp(0.7 * (x[:, 0] - x[:, 1]))).astype(float))
        x[[4, 8], 0] = 3000, 2000
        np.save(self.file("x"), x)
        np.save(self.file("folds"), [0.0 if i in (4, 8) else 1.0 + i % 3 for i in range(60)])
        self.solve(self.job("poisson", weights=False, factor=False, cv={"folds": self.file("folds")},
                            params={"path": {"min_ratio": 1e-4}}))
        with open(self.path("out", "cv.json"), encoding="utf-8") as stream:
            self.assertNotRegex(stream.read(), "inf|nan")
        self.assertGreater(max(point["mean"] for point in read_json(self.path("out", "cv.json"))["points"]), 1e100)


class Sent(Jobs):
    def test_weights_factors_and_folds_reach_workers_that_do_not_see_them(self):
        self.make()
        specs = [self.job("logistic", name="one.json"),
                 self.job("poisson", name="cv.json", cv={"folds": self.file("folds")}),
                 self.job("squared", name="number.json", cv={"folds": 3})]
        want = [self.solve(spec, "whole%d" % i, "--workers", 2) for i, spec in enumerate(specs)]
        if os.system("unshare --mount true 2>/dev/null") != 0:
            self.skipTest("no mount namespaces here")
        hide = ("unshare", "--mount", "sh", "-c", "mount -t tmpfs none %s && exec \"$@\""
                % self.path("data"), "sh")
        coordinator = Coordinator(self)
        worker = coordinator.worker("hidden", prefix=hide)
        started = 1
        for count in (1, 2) if support.SANITIZED else (1, 2, 3, 7):
            for started in range(started, count):
                coordinator.worker("w%d" % started)
            started = count
            coordinator.wait_workers(count)
            for spec, result in zip(specs, want):
                with self.subTest(workers=count, spec=os.path.basename(spec)):
                    number = coordinator.submit(spec)
                    job = coordinator.wait_job(number)
                    self.assertEqual(job["state"], "completed", job)
                    found = coordinator.result(number)
                    for key in ("model_sha256", "objective", "rounds", "updates", "nnz"):
                        self.assertEqual(found[key], result[key], key)
        self.assertIn("fetching", worker.said())


class Words(Jobs):
    def test_specs_that_are_right(self):
        self.make()
        for spec in (self.job("logistic"), self.job("squared", cv={"folds": 5}),
                     self.job("squared", cv={"folds": self.file("folds"), "rule": "1se"}),
                     self.job("huber", params={"huber_delta": 0.5, "standardize": True, "nonnegative": True})):
            done = call("validate", spec)
            self.assertEqual(done.returncode, 0, done.stderr)

    def understood(self, spec):
        done = call("validate", spec, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in json.loads(done.stdout)["model"]:
            self.assertIn(line, call("validate", spec).stdout)
        return "\n".join(json.loads(done.stdout)["model"])

    def test_validate_tells_what_it_has_understood(self):
        self.make()
        words = self.understood(self.job("logistic", cv={"folds": self.file("folds"), "rule": "1se"}))
        for word in ("logistic loss", "classes -1 and 3", "weights of rows", "1 of 200 columns without a penalty",
                     "a path of 12 lambdas, from lambda_max down to 0.05 of it", "by 4 folds, as the file says",
                     "one standard error"):
            self.assertIn(word, words)
        words = self.understood(self.job("huber", cv={"folds": 5}, weights=False, seed=3))
        for word in ("huber loss, linear from 1.345 on", "by 5 folds, dealt by seed 3", "of the least error"):
            self.assertIn(word, words)
        words = self.understood(self.job("squared"))
        self.assertIn("one lambda, 0.05 of lambda_max", words)
        self.assertIn("no cross-validation", words)

    def test_what_does_not_fit_the_data_is_found_before_x_is_read(self):
        self.make()
        np.save(self.path("short.npy"), np.ones(7))
        np.save(self.path("none.npy"), np.zeros(120))
        for name, ids in (("minus", np.arange(120) % 4 - 1), ("half", np.arange(120) % 4 + 0.5)):
            np.save(self.path(name + ".npy"), ids)
        for key, file, says in (("weights", "short", "7 numbers and x has 120 rows"),
                                ("weights", "none", "all numbers of the file are 0"),
                                ("penalty_factor", "short", "7 numbers and x has 200 columns"),
                                ("cv.folds", "short", "7 numbers and x has 120 rows"),
                                ("cv.folds", "minus", "number 1 of the file is -1"),
                                ("cv.folds", "half", "number 1 of the file is 0.5")):
            for command in (("validate",), ("run", "--out", self.path("out"))):
                with self.subTest(key=key, file=file, command=command[0]):
                    done = call(command[0], self.job("squared", cv={"folds": 3}), *command[1:], "--set",
                                "params.%s=%s" % (key, self.path(file + ".npy")))
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn("params." + key, done.stderr)
                    self.assertIn(says, done.stderr)
        done = call("validate", self.job("logistic"), "--set", "data.y=" + self.file("squared"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("two labels", done.stderr)

    def test_rounds_that_a_loss_cannot_go_by_are_found_before_x_is_read(self):
        self.make()
        for key, value, says in (("params.row_shards", "2", "leave it out"),
                                 ("schedule.pipeline", "2", "use 1"),
                                 ("schedule.priority.rule", "cyclic", 'use "gradient"'),
                                 ("schedule.dependency.coupled", "drop", 'use "solve"'),
                                 ("schedule.dependency.check", "none", 'use "correlation"')):
            for command in (("validate",), ("run", "--out", self.path("out"))):
                with self.subTest(key=key, command=command[0]):
                    done = call(command[0], self.job("logistic"), *command[1:], "--set", key + "=" + value)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn("--set " + key, done.stderr)
                    self.assertIn(says, done.stderr)

    def test_specs_that_are_not(self):
        self.make()
        for params, where in (({"cv": {"folds": 1}}, "/params/cv/folds"),
                              ({"cv": {"folds": 2.5}}, "/params/cv/folds"),
                              ({"cv": {"folds": True}}, "/params/cv/folds"),
                              ({"cv": {"folds": ["a"]}}, "/params/cv/folds"),
                              ({"cv": {"folds": ""}}, "/params/cv/folds"),
                              ({"cv": {"fold": 3}}, "/params/cv/fold"),
                              ({"cv": {"folds": 3, "rule": "best"}}, "/params/cv/rule"),
                              ({"cv": {"folds": 3}, "lambda": 1}, "/params/lambda"),
                              ({"cv": {"rule": "1se"}}, "/params/cv/rule"),
                              ({"cv": {"rule": "min"}}, "/params/cv/rule"),
                              ({"cv": {}}, "/params/cv"),
                              ({"path": {}}, "known here: count, min_ratio"),
                              ({"weights": 3}, "/params/weights"),
                              ({"penalty_factor": [1, 2]}, "/params/penalty_factor"),
                              ({"loss": "probit"}, "/params/loss"),
                              ({"huber_delta": 0}, "/params/huber_delta")):
            with self.subTest(params=params):
                spec = self.spec(self.file("x"), self.file("squared"), params=params)
                done = call("validate", spec)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(where, done.stderr)

    def test_columns_without_a_penalty_may_depend_on_each_other(self):
        chance = np.random.default_rng(5)
        for near in (1e-2, 1e-6, 1e-9, 0):
            x = chance.standard_normal((80, 30))
            x[:, 1] = x[:, 0] + near * chance.standard_normal(80)
            eta = x[:, 0] + x[:, 5] + chance.standard_normal(80)
            np.save(self.path("x.npy"), np.asfortranarray(x))
            np.save(self.path("pf.npy"), np.where(np.arange(30) < 2, 0.0, 1.0))
            for loss, y in (("squared", eta), ("logistic", eta > 0),
                            ("poisson", chance.poisson(np.exp(eta / 2)))):
                with self.subTest(near=near, loss=loss):
                    np.save(self.path("y.npy"), y)
                    spec = self.spec("x.npy", "y.npy", params={
                        "loss": loss, "lambda_ratio": 0.1, "penalty_factor": self.path("pf.npy")})
                    result = self.solve(spec, "near", "--force")
                    self.assertEqual(result["stop_reason"], "gap")

    def test_couplings_do_not_let_columns_without_a_penalty_run_away(self):
        for seed in (0, 2, 5, 10, 12):
            with self.subTest(seed=seed):
                chance = np.random.default_rng(seed)
                x = chance.standard_normal((40, 22))
                x[:, 1] = x[:, 0] + 1e-9 * chance.standard_normal(40)
                np.save(self.path("x.npy"), x)
                np.save(self.path("y.npy"), 10 * x[:, :6].sum(axis=1) + 5 * chance.standard_normal(40))
                np.save(self.path("pf.npy"), np.where(np.arange(22) < 2, 0.0, 1.0))
                spec = self.spec("x.npy", "y.npy", params={
                    "path": {"count": 6, "min_ratio": 0.01}, "penalty_factor": self.path("pf.npy")})
                result = self.solve(spec, "away", "--force")
                self.assertEqual(result["stop_reason"], "gap")

    def test_folds_beyond_memory_are_refused(self):
        self.make()
        done = call("run", self.job("squared", cv={"folds": 40}), "--set", "limits.memory=64KiB",
                    "--out", self.path("out"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("folds need", done.stderr)

    def test_what_was_chosen_is_told(self):
        self.make()
        result = self.solve(self.job("squared", cv={"folds": 5}), "told")
        (note,) = [note for note in result["notes"] if "folds chose" in note]
        with open(self.path("told", "cv.json"), encoding="utf-8") as stream:
            found = json.load(stream)
        self.assertIn("5 folds chose lambda %.6g (min;" % found["chosen"], note)
        self.assertIn("1se %.6g" % found["lambda_1se"], note)

    def test_files_that_are_not_there(self):
        self.make()
        for key in ("weights", "penalty_factor"):
            spec = self.spec(self.file("x"), self.file("squared"), params={key: self.path("none.npy")})
            done = call("run", spec, "--out", self.path("out"))
            self.assertEqual(done.returncode, 2)
            self.assertIn("/params/" + key, done.stderr)
        spec = self.spec(self.file("x"), self.file("squared"), params={"cv": {"folds": self.path("none.npy")}})
        done = call("run", spec, "--out", self.path("out"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("/params/cv/folds", done.stderr)

    def test_set_on_the_command_line(self):
        self.make()
        spec = self.job("squared", cv={"folds": 5})
        self.solve(spec, "file", "--set", "params.cv.folds=" + self.file("folds"))
        self.assertEqual(read_json(self.path("file", "cv.json"))["folds"], 4)
        self.solve(spec, "none", "--set", "params.cv.folds=null")
        self.assertFalse(os.path.exists(self.path("none", "cv.json")))

    def test_the_app_says_what_it_takes(self):
        done = call("apps", "lasso")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("squared, logistic, huber or poisson", "huber_delta", "standardize", "nonnegative", "weights",
                     "penalty_factor", "cv.folds", "cv.rule", "min or 1se"):
            self.assertIn(word, done.stdout)
        self.assertEqual(done.stdout.count("params.cv.folds"), 1)
        self.assertIn("whole number, at least 2 folds, or file", done.stdout)
        told = json.loads(call("apps", "lasso", "--json").stdout)
        (folds,) = [entry for entry in told["data"] + told["params"] if entry["key"] == "params.cv.folds"]
        self.assertIs(folds["or_file"], True)

    @unittest.skipUnless(SOURCE, "there are no sources (RONDO_SOURCE)")
    def test_the_manual_has_every_key(self):
        keys = {entry["key"] for app in json.loads(call("apps", "--json").stdout) if app["file"] is None
                for entry in app["data"] + app["params"]}
        self.assertLess({"params.cv.folds", "params.optimize_interval"}, keys)
        for page in ("man/rondo-job.5", "formats/job.md"):
            with open(os.path.join(SOURCE, "docs", page), encoding="utf-8") as stream:
                text = stream.read()
            for key in keys:
                with self.subTest(page=page, key=key):
                    self.assertRegex(text, r"\b%s\b" % re.escape(key))


if __name__ == "__main__":
    unittest.main()
