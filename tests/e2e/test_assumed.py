"""Defaults that follow from other keys (docs/formats/job.md, section 7): a job's spec shows them wherever it is
shown, and run again it is the same job."""

import hashlib
import json
import os
import struct
import unittest

import numpy as np

import cluster
import lda_jobs
import mf_jobs
import support
from support import call, sha256

PATH = {"lambda_ratio": None, "lambda": None}
# What a spec's params say, and what follows; None: nothing does.
LASSO = (
    ({}, {"lambda_ratio": 0.1, "path": None, "cv": None}),
    ({"lambda": 0.05}, PATH | {"lambda": 0.05, "path": None}),
    ({"lambda": 0.05, "l1_ratio": 0}, PATH | {"lambda": 0.05, "path": None}),
    ({"path": {"count": 5}}, PATH | {"path": {"count": 5}, "cv": None}),
    ({"path": {"min_ratio": 0.3}}, PATH | {"path": {"count": 100, "min_ratio": 0.3}, "cv": None}),
    ({"cv": {"folds": 3}, "path": {"min_ratio": 0.3}},
     PATH | {"path": {"count": 100, "min_ratio": 0.3}, "cv": {"folds": 3, "rule": "min"}}),
    ({"cv": {"folds": 3, "rule": "1se"}, "path": {"count": 6}},
     PATH | {"path": {"count": 6}, "cv": {"folds": 3, "rule": "1se"}}),
)
LDA = (({"topics": 7}, {"alpha": 50 / 7}), ({"topics": 100, "sampler": "mh"}, {"alpha": 0.5}),
       ({"topics": 7, "optimize_hyperparameters": True}, {"alpha": 50 / 7}), ({"topics": 3, "alpha": 0.2}, {"alpha": 0.2}))
MF = (({}, {"solver": "sgd", "lambda": 0.05}), ({"solver": "sgd"}, {"solver": "sgd", "lambda": 0.05}),
      ({"solver": "als"}, {"solver": "als", "lambda": 0.07}), ({"solver": "ccd"}, {"solver": "ccd", "lambda": 0.07}),
      ({"implicit": True}, {"solver": "als", "lambda": 0.2}),
      ({"implicit": True, "method": "cg"}, {"solver": "als", "lambda": 0.2}),
      ({"lambda": 0.3, "nonnegative": True}, {"solver": "sgd", "lambda": 0.3}))


class Assumed(support.Case):
    """A job's bits are all files of its model."""

    def bits(self, out):
        model = sorted(set(os.listdir(self.path(out))) - {"spec.json", "result.json", "progress.jsonl", "trace.db",
                                                          "checkpoint.rondo"})
        self.assertTrue(model)
        result = self.result(out)
        return [(name, sha256(self.path(out, name))) for name in model] + [
            result[key] for key in ("model_sha256", "objective", "metrics", "rounds", "updates", "stop_reason")]

    def has(self, params, wanted):
        for key, value in wanted.items():
            self.assertEqual(params.get(key), value, key)

    def is_the_same_again(self, spec, wanted):
        """As validate, spec.json and result.json show it; run elsewhere from that, with other workers."""
        first = self.solve(spec, "first", "--force", "--workers", 2)
        self.has(first["spec"]["params"], wanted)
        self.assertEqual(support.read_json(self.path("first", "spec.json")), first["spec"])
        told = json.loads(call("validate", spec, "--json").stdout)["spec"]
        self.assertEqual(told | {"workers": None}, first["spec"] | {"workers": None})
        os.makedirs(self.path("elsewhere"), exist_ok=True)
        again = self.write("elsewhere/again.json", json.dumps(first["spec"]))
        second = self.solve(again, "second", "--force", "--workers", 2)
        self.assertEqual(self.bits("second"), self.bits("first"))
        self.assertEqual((second["spec"], second["job"]), (first["spec"], first["job"]))
        self.assertEqual(self.solve(again, "third", "--force", "--workers", 3)["model_sha256"], first["model_sha256"])

    def forget(self, out, wanted):
        """As a version would have left it that did not show what follows."""
        spec = support.read_json(self.path(out, "spec.json"))
        for key in wanted:
            spec["params"].pop(key, None)
        del spec["schedule"]["priority"]["eta"]
        text = json.dumps(spec, separators=(",", ":"), sort_keys=True).encode()
        self.write(os.path.join(out, "spec.json"), text + b"\n")
        with open(self.path(out, "checkpoint.rondo"), "rb") as stream:
            whole = stream.read()
        (size,) = struct.unpack_from("<Q", whole, 12) # docs/formats/checkpoint.md, section 1
        self.assertIn(b'"eta":', whole[20:20 + size])
        changed = whole[:12] + struct.pack("<Q", len(text)) + text + whole[20 + size:-64]
        self.write(os.path.join(out, "checkpoint.rondo"), changed + hashlib.sha256(changed).hexdigest().encode())

    def goes_on_from_before(self, spec, wanted):
        self.solve(spec, "whole", "--force")
        self.run_job(spec, "old", "--force", "--set", "stop.rounds=2")
        self.assertEqual(self.result("old")["stop_reason"], "rounds")
        self.forget("old", wanted)
        self.run_job(spec, "old", "--resume")
        self.assertEqual(self.bits("old"), self.bits("whole"))
        self.has(self.result("old")["spec"]["params"], wanted)


class Lasso(Assumed):
    def setUp(self):
        super().setUp()
        self.x, self.y = self.generate("data", rows=60, cols=150, causes=8, seed=9)

    def test_run_again_from_its_result_it_is_the_same_job(self):
        for params, wanted in LASSO:
            with self.subTest(params):
                self.is_the_same_again(self.spec(self.x, self.y, params=params), wanted)

    def test_a_rule_brings_its_eta(self):
        for rule, eta in (("gradient", 0), ("delta", 1e-6), ("uniform", 0)):
            with self.subTest(rule):
                spec = self.spec(self.x, self.y, schedule={"priority": {"rule": rule}})
                self.is_the_same_again(spec, {})
                self.assertEqual(self.result("first")["spec"]["schedule"]["priority"], {"rule": rule, "eta": eta})

    def test_nothing_follows_where_a_spec_is_wrong(self):
        """The place is that of what was said, not of what would follow."""
        spec = self.spec(self.x, self.y, params={"l1_ratio": 0})
        done = call("run", spec, "--out", self.path("out"), "--quiet")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/params/l1_ratio (%s:" % spec, done.stderr)

    def test_what_follows_goes_where_it_is_taken_away(self):
        first = self.solve(self.spec(self.x, self.y), "first")
        again = self.write("again.json", json.dumps(first["spec"]))
        done = call("run", again, "--out", self.path("out"), "--quiet", "--set", "params.lambda=0.05")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("lambda and lambda_ratio are both given", done.stderr)
        found = self.solve(again, "out", "--set", "params.lambda=0.05", "--set", "params.lambda_ratio=null")
        self.has(found["spec"]["params"], {"lambda": 0.05, "lambda_ratio": None})

    def test_what_followed_and_does_not_fit_says_what_to_do(self):
        for params, edits, says in (
                ({}, ["l1_ratio=0"], "(give lambda instead)"),
                ({"cv": {"folds": 3}}, ["cv.folds=null"], "(give params.cv.folds, or leave it out)")):
            told = json.loads(call("validate", self.spec(self.x, self.y, params=params), "--json").stdout)["spec"]
            again = self.write("again.json", json.dumps(told))
            done = call("validate", again, *[word for edit in edits for word in ("--set", "params." + edit)])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)

    def test_an_output_from_before_goes_on(self):
        spec = self.spec(self.x, self.y, schedule={"priority": {"rule": "delta"}})
        self.goes_on_from_before(spec, {"lambda_ratio": 0.1})

    def test_the_service_shows_it_too(self):
        coordinator = cluster.Coordinator(self)
        spec = self.spec(self.x, self.y)
        posted = json.dumps({**support.read_json(spec), "name": "posted"}).encode()
        status, body = coordinator.ask("/v1/jobs", posted)
        self.assertEqual(status, 201, body)
        numbers = [coordinator.submit(spec), json.loads(body)["id"]]
        for number in numbers:
            shown = coordinator.job(number)["spec"]
            self.has(shown["params"], {"lambda_ratio": 0.1})
            self.assertEqual(shown["schedule"]["priority"]["eta"], 0)


class Lda(Assumed, lda_jobs.Case):
    def setUp(self):
        super().setUp()
        self.counts = lda_jobs.zipf(40, 60, 3000)

    def test_run_again_from_its_result_it_is_the_same_job(self):
        for params, wanted in LDA:
            with self.subTest(params):
                self.is_the_same_again(self.job(self.counts, params["topics"], blocks=2, params=params), wanted)

    def test_alphas_leave_no_alpha(self):
        np.save(self.path("alphas.npy"), np.array([0.1, 0.2, 0.3]))
        spec = self.job(self.counts, 3, params={"alphas": self.path("alphas.npy")})
        self.is_the_same_again(spec, {"alpha": None})

    def test_an_output_from_before_goes_on(self):
        self.goes_on_from_before(self.job(self.counts, 7, blocks=2), {"alpha": 50 / 7})


class Mf(Assumed, mf_jobs.Case):
    def setUp(self):
        super().setUp()
        self.train, self.test = mf_jobs.stars(60, 40, 900)

    def ratings(self, params, epochs=4):
        return self.job(self.train, self.test, epochs=epochs, params={"rank": 6} | params)

    def test_run_again_from_its_result_it_is_the_same_job(self):
        for params, wanted in MF:
            with self.subTest(params):
                self.is_the_same_again(self.ratings(params), wanted)

    def test_an_output_from_before_goes_on(self):
        for params in ({}, {"solver": "als"}, {"solver": "ccd"}, {"implicit": True}):
            with self.subTest(params):
                wanted = next(w for p, w in MF if p == params)
                self.goes_on_from_before(self.ratings(params), {k: wanted[k] for k in wanted if k not in params})


if __name__ == "__main__":
    unittest.main()
