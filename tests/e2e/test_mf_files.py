"""The files of a factorisation, read by NumPy alone: whose rows they are, that what the job reported follows from
them, and what rondo predict makes of them."""

import collections
import json
import os
import subprocess
import sys
import unittest

import numpy as np

import mf_reference
import support
from support import call, sha256

USERS, ITEMS, TRUE_RANK = 300, 120, 3
SOLVERS = ("sgd", "als", "ccd")
LAMBDA, ALPHA, RECALL_AT = 0.06, 3.0, 9


def draw():
    """Lines (user, item, rating), ids in no order; the last tenth are for tests."""
    rng = np.random.default_rng(4)
    p, q = rng.normal(0, 0.7, (USERS, TRUE_RANK)), rng.normal(0, 0.7, (ITEMS, TRUE_RANK))
    cells = rng.permutation(USERS * ITEMS)[:9000]
    u, i = cells // ITEMS, cells % ITEMS
    r = np.round(3.4 + (p[u] * q[i]).sum(axis=1) + rng.normal(0, 0.4, len(u)), 2)
    lines = [("u%d" % (7919 * a % 10007), "it\u00e9m%d" % b, float(x)) for a, b, x in zip(u, i, r)]
    return lines[:8100], lines[8100:]


def text(lines):
    return "".join("%s\t%s\t%g\n" % line for line in lines).encode()


class Files(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.train, cls.test = draw()

    def fit(self, out, *words, **params):
        stop = params.pop("epochs", 6)
        spec = {"version": 1, "app": "mf", "data": {"train": self.write("train.tsv", text(self.train)),
                                                    "test": self.write("test.tsv", text(self.test))},
                "params": {"rank": 5, "lambda": LAMBDA, **params}, "stop": {"epochs": stop}, "seed": 3}
        self.solve(self.write("job.json", json.dumps(spec)), out, *words)
        return mf_reference.Model(self.path(out)), self.result(out)

    def cases(self):
        for solver in SOLVERS:
            for biases in (False, True):
                yield solver, biases

    # ---- what was saved ---------------------------------------------------------------------------

    def test_files_are_arrays_in_the_order_of_their_ids(self):
        for solver, biases in self.cases():
            with self.subTest(solver=solver, biases=biases):
                out = "%s%d" % (solver, biases)
                model, _ = self.fit(out, solver=solver, biases=biases)
                self.assertEqual((model.p.dtype, model.q.dtype), (np.float32, np.float32))
                self.assertTrue(model.p.flags.c_contiguous and model.q.flags.c_contiguous)
                self.assertEqual(model.users, list(dict.fromkeys(line[0] for line in self.train)))
                self.assertEqual(model.items, list(dict.fromkeys(line[1] for line in self.train)))
                self.assertEqual((model.p.shape, model.q.shape), ((len(model.users), 5), (len(model.items), 5)))
                mean = np.mean([line[2] for line in self.train])
                self.assertAlmostEqual(model.said["mean"], mean, places=5)
                self.assertEqual(os.path.exists(self.path(out, "biases.npz")), biases)
                if biases:
                    self.has_biases(model, self.path(out, "biases.npz"), mean)

    def has_biases(self, model, archive, mean):
        self.assertEqual(sorted(model.biases.files), ["item", "mean", "user"])
        self.assertEqual((model.biases["mean"].dtype, model.biases["mean"].shape), (np.float64, ()))
        self.assertEqual((model.biases["user"].dtype, model.biases["user"].shape), (np.float32, (len(model.p),)))
        self.assertEqual((model.biases["item"].dtype, model.biases["item"].shape), (np.float32, (len(model.q),)))
        self.assertAlmostEqual(model.mean, mean, places=5)
        done = subprocess.run([sys.executable, "-m", "zipfile", "-t", archive], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, "Done testing\n"), done.stderr)

    def test_what_was_reported_follows_from_the_files(self):
        for solver, biases in self.cases():
            for weighted in (False, True) if solver != "sgd" else (True,):
                with self.subTest(solver=solver, biases=biases, weighted=weighted):
                    more = {} if weighted else {"weighted_lambda": False}
                    model, result = self.fit("%s%d%d" % (solver, biases, weighted), solver=solver, biases=biases, **more)
                    u, i, r = model.at(self.train)
                    self.assertGreaterEqual(min(u.min(), i.min()), 0)
                    F = model.objective(u, i, r, LAMBDA, weighted)
                    self.assertLess(abs(result["objective"] / F - 1), 1e-6)
                    rmse = np.sqrt(((r - model.scores(u, i)) ** 2).mean())
                    self.assertLess(abs(result["metrics"]["rmse"] - rmse), 1e-6)
                    u, i, r = model.at(self.test)
                    known = (u >= 0) & (i >= 0)
                    rmse = np.sqrt(((r - model.scores(u, i))[known] ** 2).mean())
                    self.assertLess(abs(result["metrics"]["test_rmse"] - rmse), 1e-6)

    def test_every_number_of_workers_makes_the_same_files(self):
        for solver in SOLVERS:
            for workers in (1, 2, 3):
                self.fit("%s%d" % (solver, workers), "--workers", workers, solver=solver, biases=True)
            for name in ("user_factors.npy", "item_factors.npy", "biases.npz", "users.txt", "items.txt", "model.json"):
                sums = {sha256(self.path("%s%d" % (solver, workers), name)) for workers in (1, 2, 3)}
                self.assertEqual(len(sums), 1, name)

    def chosen(self, lines):
        """Counts, some of them 0."""
        return [(user, item, float(max(0, round(r) - 2))) for user, item, r in lines]

    def fit_implicit(self, out):
        self.train, self.test = self.chosen(self.train), self.chosen(self.test)
        return self.fit(out, implicit=True, alpha=ALPHA, recall_at=RECALL_AT, epochs=4)

    def rated(self, model, lines):
        rated = collections.defaultdict(set)
        for u, i in zip(*model.at(lines)[:2]):
            rated[u].add(i)
        return rated

    def test_of_implicit_feedback_the_figures_follow_too(self):
        model, result = self.fit_implicit("out")
        u, i, r = model.at(self.train)
        F = model.objective(u, i, r, LAMBDA, True, ALPHA)
        self.assertLess(abs(result["objective"] / F - 1), 1e-6)
        test = collections.defaultdict(set)
        for a, b, x in zip(*model.at(self.test)):
            if a >= 0 and b >= 0 and x > 0:
                test[a].add(b)
        recall, ndcg = mf_reference.ranking(model, self.rated(model, self.train), test, RECALL_AT)
        self.assertGreater(recall, 0.1)
        self.assertLess(abs(result["metrics"]["recall"] - recall), 1e-3) # two scores as good as the same may change places
        self.assertLess(abs(result["metrics"]["ndcg"] - ndcg), 1e-3)
        self.assertNotIn("test_rmse", result["metrics"])

    def test_a_line_of_progress_has_what_is_looked_at_first_and_stands_once(self):
        data = {"train": self.write("train.tsv", text(self.chosen(self.train))),
                "test": self.write("test.tsv", text(self.chosen(self.test)))}
        for more, shown in (({"solver": "als"}, "test_rmse"), ({"implicit": True}, "recall")):
            with self.subTest(**more):
                spec = {"version": 1, "app": "mf", "data": data, "params": {"rank": 3, **more}, "stop": {"epochs": 6}}
                done = call("run", self.write("job.json", json.dumps(spec)), "--out", self.path(shown))
                self.assertEqual(done.returncode, 0, done.stderr)
                lines = [line for line in done.stderr.splitlines() if " epochs " in line]
                for line in lines:
                    self.assertRegex(line, r"^ +\d+\.\d\d s  round \d+ +objective \S+ +epochs \d %s \d\.\d+$" % shown)
                told = [line[line.index("round"):] for line in lines]
                self.assertEqual(sorted(set(told)), sorted(told))

    @unittest.skipUnless(os.environ.get("RONDO_SOURCE"), "there are no sources (RONDO_SOURCE)")
    def test_the_python_of_the_manual_runs(self):
        with open(os.path.join(os.environ["RONDO_SOURCE"], "docs/mf.md"), encoding="utf-8") as stream:
            code = stream.read().split("```python\n")[1].split("```")[0]
        done = call("data", "generate", "mf", "--users", 300, "--items", 200, "--ratings", 20000, "--out",
                    self.path("ratings"), "--seed", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.solve(self.path("ratings", "job.json"), "out")
        done = subprocess.run([sys.executable, "-c", code], cwd=self.path(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        best, like = done.stdout.splitlines()
        self.assertEqual(len(json.loads(best.translate(str.maketrans("()'", "[]\"")))), 3)
        self.assertEqual(json.loads(like.replace("'", '"'))[0], "62")

    # ---- pairs ------------------------------------------------------------------------------------

    def predict(self, out, data, *words, name="p.tsv", expect=0):
        done = call("predict", "--model", self.path(out), "--data", self.write("pairs.tsv", data), "--out",
                    self.path(name), "--json", *words)
        self.assertEqual(done.returncode, expect, done.stderr)
        return json.loads(done.stdout)["metrics"] if not expect else done.stderr

    def strangers(self, model):
        """Pairs of which the model has one, or none."""
        return [(model.users[3], "nothing", 4.0), ("nobody", model.items[4], 2.0), ("nobody", "nothing", 3.0),
                ("somebody", model.items[5], 5.0)]

    def test_pairs_have_their_scores_and_strangers_what_is_known(self):
        for biases in (False, True):
            model, result = self.fit("out%d" % biases, biases=biases)
            lines = self.test + self.strangers(model)
            metrics = self.predict("out%d" % biases, text(lines))
            found = np.loadtxt(self.path("p.tsv"))
            u, i, r = model.at(lines)
            known = (u >= 0) & (i >= 0)
            wanted = np.where(known, model.scores(u, i), 0)
            wanted[~known] = model.said["mean"]
            if biases:
                wanted[~known] += (np.where(u >= 0, model.b[u], 0) + np.where(i >= 0, model.c[i], 0))[~known]
            self.assertTrue(np.isfinite(found).all())
            self.assertLess(np.abs(found - wanted).max(), 1e-5)
            self.assertAlmostEqual(metrics["rmse"], np.sqrt(((r - wanted) ** 2).mean()), places=6)
            self.assertAlmostEqual(metrics["known_rmse"], np.sqrt(((r - wanted)[known] ** 2).mean()), places=6)
            self.assertAlmostEqual(metrics["known_rmse"], result["metrics"]["test_rmse"], places=6)
            self.assertEqual(metrics["known_pairs"], known.sum())
            self.assertEqual((metrics["unknown_users"], metrics["unknown_items"]),
                             (len({a for a, _, _ in lines} - set(model.users)), len({b for _, b, _ in lines} - set(model.items))))

    def test_pairs_need_no_ratings(self):
        model, _ = self.fit("out", biases=True)
        metrics = self.predict("out", "".join("%s\t%s\n" % line[:2] for line in self.test).encode(), name="p.npy")
        u, i, _ = model.at(self.test)
        known = (u >= 0) & (i >= 0)
        self.assertLess(np.abs(np.load(self.path("p.npy")) - model.scores(u, i))[known].max(), 1e-5)
        self.assertNotIn("rmse", metrics)

    # ---- the best ---------------------------------------------------------------------------------

    def best(self, name="p.tsv"):
        rows = collections.OrderedDict()
        with open(self.path(name), encoding="utf-8", newline="\n") as stream:
            for line in stream:
                user, item, score = line.rstrip("\n").split("\t")
                rows.setdefault(user, []).append((item, float(score)))
        return rows

    def expect_best(self, model, found, scores, rated, most, near=1e-5):
        """`found` are the `most` best of the scores, but for the rated; ties of rounding may stand either way."""
        left = scores.copy()
        left[list(rated)] = -np.inf
        order = np.argsort(-left, kind="stable")[:min(most, len(left) - len(rated))]
        self.assertEqual(len(found), len(order))
        at = [model.item_at[item] for item, _ in found]
        self.assertTrue(rated.isdisjoint(at))
        self.assertEqual(len(set(at)), len(at))
        self.assertLess(np.abs(np.array([score for _, score in found]) - scores[order]).max(), near)
        self.assertLess(np.abs(scores[at] - scores[order]).max(), near)
        apart = np.append(np.diff(left[order]) < -near, True) & np.append(True, np.diff(left[order]) < -near)
        self.assertTrue((np.array(at)[apart][:-1] == order[apart][:-1]).all())

    def test_the_best_are_those_of_all_scores(self):
        for biases in (False, True):
            model, _ = self.fit("out%d" % biases, biases=biases)
            lines = self.train[::-1]
            metrics = self.predict("out%d" % biases, text(lines), "--top", 7)
            found = self.best()
            self.assertEqual(list(found), list(dict.fromkeys(line[0] for line in lines)))
            self.assertEqual((metrics["users"], metrics["folded_in"]), (len(found), 0))
            rated = self.rated(model, lines)
            for user, rows in found.items():
                at = model.user_at[user]
                self.expect_best(model, rows, model.all_scores(at), rated[at], 7)

    def test_new_users_are_folded_in_by_the_closed_form(self):
        for biases in (False, True):
            model, _ = self.fit("out%d" % biases, biases=biases)
            rng = np.random.default_rng(5)
            new = {"n\u00ebw %d" % k: dict(zip(rng.permutation(len(model.items))[:n], rng.uniform(1, 5, n).round(2)))
                   for k, n in enumerate((1, 4, 17, 60))}
            lines = [(user, model.items[i], r) for user, rated in new.items() for i, r in rated.items()]
            lines += [("n\u00ebw 0", "nothing", 3.0), ("last", "nothing", 3.0)]
            metrics = self.predict("out%d" % biases, text(lines), "--top", len(model.items))
            found = self.best()
            self.assertEqual(list(found), [*new, "last"])
            self.assertEqual((metrics["folded_in"], metrics["unknown_users"], metrics["unknown_items"]), (4, 5, 1))
            for user, rated in new.items():
                i, r = np.array(list(rated)), np.array(list(rated.values()))
                row, bias = model.fold(i, r, LAMBDA, True)
                scores = model.new_scores(row, bias) # of rows that are solved for in 32 bits
                self.expect_best(model, found[user], scores, set(rated), len(model.items), 1e-5 * np.abs(scores).max())
            self.expect_best(model, found["last"], model.said["mean"] + model.c, set(), len(model.items))

    def test_of_implicit_feedback_strangers_are_0_and_new_users_are_folded_in(self):
        model, _ = self.fit_implicit("out")
        lines = [*self.strangers(model), *self.test[:50]]
        metrics = self.predict("out", text(lines))
        u, i, _ = model.at(lines)
        wanted = np.where((u >= 0) & (i >= 0), model.scores(u, i), 0)
        self.assertLess(np.abs(np.loadtxt(self.path("p.tsv")) - wanted).max(), 1e-5)
        self.assertNotIn("rmse", metrics)
        i = np.array([3, 5, 8, 50])
        for data, r in (("new\t%s\t%d\n", np.array([1.0, 4.0, 2.0, 0.0])), ("new\t%s\n", np.ones(4))):
            lines = "".join(data % ((model.items[at], x) if data.count("%") > 1 else model.items[at]) for at, x in zip(i, r))
            metrics = self.predict("out", lines.encode(), "--top", 20)
            scores = model.new_scores(*model.fold(i, r, LAMBDA, True, ALPHA))
            self.assertEqual(metrics["folded_in"], 1)
            self.expect_best(model, self.best()["new"], scores, set(i), 20)

    def test_options_and_data_that_do_not_fit_are_refused(self):
        self.fit("out")
        for words, what in ((("--top", 0), "--top"), (("--top", 100001), "--top"), (("--tops", 5), "did you mean --top?"),
                            (("--y", self.path("train.tsv")), "--y")):
            said = self.predict("out", text(self.test), *words, expect=2)
            self.assertEqual(said.count("\n"), 1)
            self.assertIn(what, said)
        os.truncate(self.path("out", "item_factors.npy"), 128 + 4 * 5 * 7)
        self.assertIn("item_factors.npy", self.predict("out", text(self.test), expect=2))


if __name__ == "__main__":
    unittest.main()
