"""rondo trace check: clean on what was run, and what is planted in a trace is found, in the right words."""

import json
import os
import shutil
import unittest

import jsonschema
import numpy as np

import support
import traced
from traced import numbers

SCHEMA = support.read_json(os.path.join(os.environ["RONDO_SOURCE"], "docs", "formats", "trace-check.schema.json"))
CUT = {"blocks": 4, "block_size": 16}
TAKEN = ("which candidates were drawn, by which weights, and in which order where that decides nothing, is taken from the trace;"
         " so are times, costs, and pairs needed or computed")
ROOM = "whether there was no room for who was refused for one of its own round is taken from the trace"


class Checked(support.Case):
    """Traces are made once for a class, and copied to be spoilt."""

    compared = set()  # what was said in words too: once of each sort

    def check(self, out, *words, expect=0):
        """What is said, by --json, having said the same to people."""
        done = support.call("trace", "check", out, "--json", *words)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        jsonschema.validate(told, SCHEMA)
        self.assertIs(told["clean"], expect == 0)
        said = (expect, bool(told["incomplete"])) + tuple(sorted({finding["kind"] for finding in told["findings"]}))
        if said in self.compared:
            return told
        self.compared.add(said)
        plain = support.call("trace", "check", out, *words)
        self.assertEqual((plain.returncode, plain.stderr), (expect, ""))
        for line in told["not_proved"] + told["incomplete"] + [finding["words"] for finding in told["findings"]]:
            self.assertIn(line, plain.stdout)
        return told

    def trace_of(self, name, **more):
        """A job of the lasso at level all; its output directory."""
        spec = self.spec(*self.data, name=name + ".json", **dict({"trace": "all"}, **more))
        self.run_job(spec, name)
        return self.path(name)

    def spoil(self, out, *statements):
        """A copy in which SQL was run, or functions of the database were called."""
        copy = self.path("spoilt")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)
        with traced.edited(os.path.join(copy, "trace.db")) as db:
            for statement in statements:
                statement(db) if callable(statement) else db.execute(statement)
        return copy

    def found(self, out, kind, words, *statements):
        """A violation of that kind is found in the spoilt copy."""
        told = self.check(self.spoil(out, *statements), expect=1)
        kinds = {finding["kind"] for finding in told["findings"]}
        self.assertIn(kind, kinds)
        self.assertRegex(" ".join(finding["words"] for finding in told["findings"]), words)
        self.assertEqual(told["proved"], [], "of a trace with a violation nothing is proved")
        return told


class Couplings(Checked):
    def setUp(self):
        super().setUp()
        self.data = self.generate("data", rows=60, cols=120, rho=0.9, block=10, seed=1)

    def schedule(self, coupled, pipeline, threshold=0.4):
        return dict(CUT, pipeline=pipeline, dependency={"coupled": coupled, "threshold": threshold})

    def correlation(self):
        return np.corrcoef(np.load(self.data[0]).T)

    def test_what_was_run_is_clean(self):
        for coupled in ("drop", "group", "solve"):
            for pipeline in (1, 3):
                out = self.trace_of("%s%d" % (coupled, pipeline), schedule=self.schedule(coupled, pipeline),
                                    params={"lambda_ratio": 0.05})
                told = self.check(out)
                self.assertEqual([line for line in told["not_proved"] if "where they were cut" not in line],
                                 [TAKEN] + [ROOM] * (coupled == "group"))
                self.assertIn("no commit raised the objective", " ".join(told["proved"]))
                self.assertIn("the moves come to coef.mtx: 1 column", told["proved"])

    def test_a_resumed_job_is_clean(self):
        """Rounds that were planned before are whole in it, and times go on."""
        spec = self.spec(*self.data, trace="all", schedule=self.schedule("drop", 3), params={"lambda_ratio": 0.05})
        self.run_job(spec, "out", "--set", "stop.rounds=25")
        self.run_job(spec, "out", "--resume", "--set", "stop.rounds=50")
        self.run_job(spec, "out", "--resume")
        told = self.check(self.path("out"))
        self.assertEqual((told["not_proved"], told["incomplete"]), ([TAKEN], []))

    def test_a_job_that_went_on_at_another_level(self):
        """What was kept without details is not held against moves that nobody knows."""
        self.trace_of("out", stop={"rounds": 3}, trace="rounds")
        self.run_job(self.spec(*self.data, trace="all"), "out", "--resume")
        told = self.check(self.path("out"), expect=1)
        self.assertEqual(told["violations"], 0)
        self.assertIn("other tasks than their blocks", " ".join(told["incomplete"]))

    def test_a_coupled_pair_in_two_blocks(self):
        """A variable moves to another block of its round, where it parts from one that it is coupled to."""
        out = self.trace_of("out", schedule=self.schedule("group", 1))
        truth = self.correlation()

        def split(db):
            rows = db.execute("SELECT round, block, count, variables FROM blocks WHERE round IN (SELECT round FROM blocks"
                              " GROUP BY round HAVING count(*) > 1) ORDER BY round, block").fetchall()
            for round_, block, count, blob in rows:
                own = numbers(blob, count)
                pairs = np.argwhere(np.abs(np.triu(truth[np.ix_(own, own)], 1)) > 0.4)
                if len(pairs):
                    break
            self.parted = sorted(own[i] for i in pairs[0])
            other = next(row for row in rows if row[0] == round_ and row[1] != block)
            goes = own[pairs[0][0]]
            left = [j for j in own if j != goes]
            more = list(numbers(other[3], other[2])) + [goes]
            change = "UPDATE blocks SET count = ?, variables = ? WHERE round = ? AND block = ?"
            db.execute(change, (len(left), traced.whole(left, False), round_, block))
            db.execute(change, (len(more), traced.whole(more, False), round_, other[1]))

        told = self.found(out, "coupled", "above 0.4, and were in flight together", split)
        pairs = {tuple(sorted((f["first"], f["second"]))): f for f in told["findings"] if f["kind"] == "coupled"}
        self.assertIn(tuple(self.parted), pairs)
        finding = pairs[tuple(self.parted)]
        self.assertAlmostEqual(finding["value"], truth[tuple(self.parted)], delta=1e-9)
        self.assertNotEqual(finding["first_block"], finding["second_block"])
        self.assertEqual(finding["bound"], 0.4)

    def test_a_job_that_kept_another_threshold(self):
        """What was run by one threshold does not keep a lower one: nothing of the trace but its spec is touched."""
        for coupled, pipeline in (("drop", 1), ("group", 1), ("solve", 3)):
            out = self.trace_of(coupled, schedule=self.schedule(coupled, pipeline, threshold=0.8))
            self.check(out)
            lower = "UPDATE meta SET value = replace(value, '\"threshold\":0.8', '\"threshold\":0.2') WHERE key = 'spec'"
            told = self.found(out, "coupled", "above 0.2", lower)
            truth = self.correlation()
            for finding in told["findings"]:
                if finding["kind"] != "coupled":
                    continue
                self.assertAlmostEqual(finding["value"], truth[finding["first"], finding["second"]], delta=1e-9)
                if pipeline > 1:
                    self.assertTrue(0 < finding["round"] - finding["other_round"] < pipeline)

    def test_conflicts(self):
        out = self.trace_of("out", schedule=self.schedule("drop", 2))
        first = "(SELECT min(round) FROM conflicts)"
        self.found(out, "conflict", "and the trace says",
                   "UPDATE conflicts SET coupling = coupling * 0.99 WHERE place = 0 AND round = " + first)

        def invent(db):
            truth = self.correlation()
            a, b = np.argwhere(np.abs(truth) < 0.3)[0]
            db.execute("UPDATE conflicts SET candidate = ?, other = ?, coupling = ? WHERE place = 0 AND round = " + first,
                       (int(a), int(b), truth[a, b]))

        self.found(out, "conflict", "was refused for variable", invent)

    def test_tasks_of_two_rounds_at_once(self):
        out = self.trace_of("out", schedule=self.schedule("solve", 3))
        self.found(out, "overlap", "has not seen that round's commit",
                   "UPDATE tasks SET done_ns = done_ns + 1000000000000 WHERE work <> 3 AND round ="
                   " (SELECT min(round) FROM tasks WHERE round > 2 AND work <> 3)")


def listed(db, round_):
    """What was drawn in a round, and by which weights."""
    count, variables, weights = db.execute("SELECT count, variables, weights FROM draws WHERE round = ?", (round_,)).fetchone()
    return list(numbers(variables, count)), list(traced.reals(weights, count))


def list_draws(db, round_, drawn, weights):
    db.execute("UPDATE draws SET count = ?, variables = ?, weights = ? WHERE round = ?",
               (len(drawn), traced.whole(drawn, False), traced.doubles(weights), round_))


class Draws(Checked):
    """What is refused, joined and taken follows from what was drawn: each plant leaves all counts as they should be."""

    def setUp(self):
        super().setUp()
        self.data = self.generate("data", rows=60, cols=120, rho=0.9, block=10, seed=1)
        self.outs = {coupled: self.trace_of(coupled, params={"lambda_ratio": 0.05}, schedule=dict(
            CUT, pipeline=2, dependency={"coupled": coupled, "threshold": 0.4})) for coupled in ("drop", "group", "solve")}

    def planted(self, coupled, kind, words, *statements):
        """A violation, and nothing that lacks."""
        told = self.found(self.outs[coupled], kind, words, *statements)
        self.assertEqual(told["incomplete"], [])

    @staticmethod
    def conflict(where):
        """Of the last round that has one of these, the last."""
        return "SELECT round, place, candidate, other FROM conflicts WHERE %s ORDER BY round DESC, place DESC LIMIT 1" % where

    def forget(self, where, column):
        """A conflict goes, and its round does not count it."""
        def spoil(db):
            round_, place, _, _ = db.execute(self.conflict(where)).fetchone()
            db.execute("DELETE FROM conflicts WHERE round = ? AND place = ?", (round_, place))
            db.execute("UPDATE rounds SET %s = %s - 1 WHERE round = ?" % (column, column), (round_,))
        return spoil

    def test_a_conflict_that_is_not_told(self):
        for coupled in self.outs:
            self.planted(coupled, "draw", "was drawn, and neither taken nor refused", self.forget("joined = 0", "refused"))
        self.planted("group", "conflict", "which was taken before, and has not joined it", self.forget("joined = 1", "joined"))
        whole = ("joined = 1 AND NOT EXISTS (SELECT 1 FROM block_variables AS a, block_variables AS b WHERE a.round ="
                 " conflicts.round AND b.round = a.round AND a.block < b.block AND a.variable / 10 = b.variable / 10)")
        self.planted("solve", "conflict", "no joined pairs hold them together", self.forget(whole, "joined"))

    def test_who_was_not_the_first(self):
        """Of two that it is coupled to the later one is told, with its coupling."""
        truth = np.corrcoef(np.load(self.data[0]).T)

        def second(joined):
            def spoil(db):
                for round_, place, candidate, other in db.execute(
                        "SELECT round, place, candidate, other FROM conflicts WHERE joined = ? AND other_round = round", (joined,)):
                    drawn, _ = listed(db, round_)
                    taken = {j for j, in db.execute("SELECT variable FROM block_variables WHERE round = ?", (round_,))}
                    later = [j for j in drawn[drawn.index(other) + 1:drawn.index(candidate)]
                             if j in taken and abs(truth[j, candidate]) > 0.41]
                    if later:
                        db.execute("UPDATE conflicts SET other = ?, coupling = ? WHERE round = ? AND place = ?",
                                   (later[0], truth[later[0], candidate], round_, place))
                        return
                self.fail("no candidate met two")
            return spoil

        self.planted("drop", "conflict", "was refused .* and met variable [0-9]+ of round [0-9]+ before", second(0))
        self.planted("group", "conflict", "was joined .* and met variable [0-9]+ of round [0-9]+ before", second(1))

    def test_draws_in_another_order(self):
        """Of two draws the one decides about the other: the order in which they stand is that in which they were drawn."""
        def swap(db):
            round_, _, candidate, other = db.execute(self.conflict("other_round = round")).fetchone()
            drawn, weights = listed(db, round_)
            i, k = drawn.index(candidate), drawn.index(other)
            for row in (drawn, weights):
                row[i], row[k] = row[k], row[i]
            list_draws(db, round_, drawn, weights)

        for coupled in ("drop", "group"):
            self.planted(coupled, "conflict", "which was drawn later", swap)

    def test_what_was_drawn(self):
        def change(number, weight):
            def spoil(db):
                round_ = db.execute("SELECT max(round) FROM draws WHERE count > 3").fetchone()[0]
                drawn, weights = listed(db, round_)
                drawn[0] = drawn[1] if number else drawn[0]
                weights[0] *= weight
                list_draws(db, round_, drawn, weights)
            return spoil

        def short(db):
            """A draw and its refusal go from a round that had no more to draw."""
            round_, place, candidate, _ = db.execute(self.conflict(
                "joined = 0 AND (SELECT taken < wanted FROM rounds WHERE rounds.round = conflicts.round)")).fetchone()
            drawn, weights = listed(db, round_)
            del weights[drawn.index(candidate)]
            drawn.remove(candidate)
            list_draws(db, round_, drawn, weights)
            db.execute("DELETE FROM conflicts WHERE round = ? AND place = ?", (round_, place))
            db.execute("UPDATE rounds SET refused = refused - 1, drawn = drawn - 1 WHERE round = ?", (round_,))

        for coupled in self.outs:
            self.planted(coupled, "draw", "was drawn twice", change(True, 1))
            self.planted(coupled, "count", "the weights of those", change(False, 2))
            self.planted(coupled, "count", "no more had a weight", short)
        self.planted("drop", "draw", "is in a block and was not drawn", change(True, 1))
        self.planted("group", "count", "the coupled pairs of those taken are",
                     "UPDATE rounds SET coupled_pairs = coupled_pairs + 1 WHERE round = 3")
        self.planted("solve", "updates", "round 3: it has [0-9]+ update", "UPDATE rounds SET updates = updates + 1 WHERE round = 3",
                     "UPDATE rounds SET updates = updates - 1 WHERE round = 2")
        self.planted("drop", "updates", "it has 1 update, and the trace says 0", "UPDATE rounds SET note = 'worst' WHERE round ="
                     " (SELECT min(round) FROM rounds WHERE kind = 'sweep' AND updates = 0)")


class Certificates(Checked):
    def setUp(self):
        super().setUp()
        self.data = self.generate("data", rows=50, cols=80, seed=2)

    def deltas(self, change, order=""):
        def spoil(db):
            round_, count, blob = db.execute("SELECT round, count, deltas FROM moves WHERE count > 2 ORDER BY round"
                                             + order + " LIMIT 1").fetchone()
            delta = np.array(traced.reals(blob, count))
            change(delta)
            db.execute("UPDATE moves SET deltas = ? WHERE round = ?", (delta.tobytes(), round_))
        return spoil

    def test_models(self):
        labels = self.path("labels.npy")
        np.save(labels, (np.load(self.data[1]).ravel() > 0) * 1.0)
        weights = self.path("weights.npy")
        np.save(weights, np.linspace(0.5, 2, 50))
        factors = self.path("factors.npy")
        np.save(factors, np.linspace(0.5, 2, 80))
        exact = ({"path": {"count": 8}, "l1_ratio": 0.7, "standardize": True},
                 {"intercept": False, "weights": weights, "standardize": True},
                 {"penalty_factor": factors, "nonnegative": True, "row_shards": 3})
        for number, params in enumerate(exact):
            told = self.check(self.trace_of("exact%d" % number, params=params))
            self.assertEqual(told["not_proved"], [TAKEN])
            self.assertIn("no commit raised the objective", " ".join(told["proved"]))
            self.assertIn("with the intercept of path.json", " ".join(told["proved"]))
        for number, params in enumerate(({"loss": "logistic"}, {"loss": "huber", "weights": weights})):
            data = {"x": self.data[0], "y": labels}
            told = self.check(self.trace_of("loss%d" % number, params=params, data=data))
            self.assertIn("nowhere below what b allows", " ".join(told["proved"]))
            self.assertIn("at its best intercept", " ".join(told["not_proved"]))
        told = self.check(self.trace_of("folds", params={"cv": {"folds": 3}, "path": {"count": 5}}))
        self.assertIn("certificates were not replayed", " ".join(told["not_proved"]))

    def test_a_commit_that_raises_the_objective(self):
        out = self.trace_of("out", params={"lambda_ratio": 0.1})

        def overshoot(delta):
            delta *= 5

        def slightly(delta):
            delta *= 1.0001

        told = self.found(out, "objective", "raised the objective from", self.deltas(overshoot))
        self.assertGreater(told["findings"][0]["value"], told["findings"][0]["bound"])
        self.found(out, "objective", "and the trace says", self.deltas(slightly))
        self.found(out, "coefficient", "not what the moves come to", self.deltas(slightly),
                   "UPDATE rounds SET objective = NULL")

        def barely(delta):
            delta[np.abs(delta).argmax()] *= 1 + 1e-6

        self.found(out, "coefficient", "not what the moves come to", self.deltas(barely, " DESC"))
        told = self.found(self.trace_of("logistic", params={"loss": "squared", "lambda_ratio": 0.1}), "objective",
                          "and the trace says", "UPDATE rounds SET objective = objective * (1 + 1e-8) WHERE round = 4")
        self.assertEqual(told["violations"], 1)

    def test_a_model_that_the_moves_do_not_come_to(self):
        out = self.trace_of("out", params={"path": {"count": 5}})
        copy = self.spoil(out)
        with open(os.path.join(copy, "coef.mtx"), encoding="ascii") as stream:
            lines = stream.read().splitlines()
        row, column, value = lines[-1].split()
        lines[-1] = "%s %s %.17g" % (row, column, float(value) * 1.001)
        with open(os.path.join(copy, "coef.mtx"), "w", encoding="ascii") as stream:
            stream.write("\n".join(lines) + "\n")
        told = self.check(copy, expect=1)
        self.assertEqual([finding["kind"] for finding in told["findings"]], ["coefficient"])
        self.assertEqual(told["findings"][0]["first"], int(row) - 1)

    def test_a_path_that_the_moves_do_not_come_to(self):
        for key, by in (("objective", 1 + 1e-8), ("intercept", 1.001), ("lambda", 1 + 1e-8)):
            out = self.trace_of("out", params={"path": {"count": 4}}) if key == "objective" else out
            copy = self.spoil(out)
            path = os.path.join(copy, "path.json")
            points = support.read_json(path)
            points[2][key] *= by
            with open(path, "w", encoding="ascii") as stream:
                json.dump(points, stream)
            told = self.check(copy, expect=1)
            self.assertEqual([finding["kind"] for finding in told["findings"]], ["objective"], key)
            self.assertIn("path.json, number 3", told["findings"][0]["words"])

    def test_incomplete(self):
        out = self.trace_of("out", params={"lambda_ratio": 0.1})
        for words, statement in (("gap", "DELETE FROM rounds WHERE round = 3"),
                                 ("last round is", "DELETE FROM rounds WHERE round = (SELECT max(round) FROM rounds)"),
                                 ("updates come to", "UPDATE rounds SET updates = updates + 1 WHERE round = 2"),
                                 ("other tasks than their blocks", "DELETE FROM tasks WHERE round = 2"),
                                 ("other tasks than their blocks", "DELETE FROM tasks WHERE round = 2 AND phase = 1"),
                                 ("have other lists", "DELETE FROM draws"),
                                 ("have other lists", "UPDATE rounds SET refused = refused + 1 WHERE kind = 'sampled'"),
                                 ("dropped", "UPDATE meta SET value = '2' WHERE key = 'dropped'"),
                                 ("had not ended", "DELETE FROM meta WHERE key = 'state'"),
                                 ("tasks have no end", "UPDATE tasks SET done_ns = -1 WHERE round = 2 AND place = 0"),
                                 ("no rounds", "DELETE FROM rounds")):
            told = self.check(self.spoil(out, statement), expect=1)
            self.assertRegex(" ".join(told["incomplete"]), words)
        told = self.check(self.trace_of("rounds", trace="rounds"), expect=1)
        self.assertIn('level "rounds"', told["incomplete"][0])
        self.assertEqual(told["violations"], 0)

    def test_what_cannot_be_checked(self):
        out = self.trace_of("out", params={"lambda_ratio": 0.1})
        other, _ = self.generate("other", rows=50, cols=81, seed=2)
        changed = self.path("changed.npy")
        values = np.load(self.data[0])
        values[3, 5] = np.nextafter(values[3, 5], 9)
        np.save(changed, values)
        bad = self.write("bad.db", b"nothing")
        with open(os.path.join(out, "trace.db"), "rb") as stream:
            cut = self.write("cut.db", stream.read()[:9000])
        for words, what in (((out, "--set", "data.x=" + other), "not the job's data"),
                            ((out, "--set", "data.x=" + changed), "not the job's data"),
                            ((out, "--set", "data.x=" + self.path("gone.npy")), "cannot read"),
                            ((bad,), "."), ((cut,), "."), ((self.path("gone"),), "cannot read"),
                            ((self.spoil(out, "DELETE FROM meta WHERE key = 'spec'"),), "does not say the spec"),
                            ((), "name a trace"), ((out, out), "one trace at a time"), ((out, "--more"), "no option")):
            done = support.call("trace", "check", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertRegex(done.stderr, what)
        done = support.call("trace", "check", self.spoil(out, "UPDATE meta SET value = 'mf' WHERE key = 'app'"))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, 'said to be of "mf", and its spec is of "lasso"')
        moved = self.path("moved.npy")
        shutil.move(self.data[0], moved)
        self.check(out, "--set", "data.x=" + moved)

    @support.needs_shared
    def test_genes(self):
        data = {"x": support.shared("leukemia.X.npy"), "y": support.shared("leukemia.y.npy")}
        for number, more in enumerate(({"params": {"path": {"count": 10}}},
                                       {"schedule": dict(CUT, pipeline=2, dependency={"coupled": "group", "threshold": 0.5}),
                                        "stop": {"rounds": 150}})):
            self.check(self.trace_of("genes%d" % number, data=data, **more))


class Parts(Checked):
    def run_app(self, app, data, params, stop, name="out"):
        spec = {"version": 1, "app": app, "data": data, "params": params, "stop": stop, "schedule": {"blocks": 4},
                "trace": "all"}
        self.run_job(self.write(name + ".json", json.dumps(spec)), name, "--workers", "2")
        return self.path(name)

    def topics(self):
        rng = np.random.default_rng(1)
        counts = rng.poisson(12, (120, 90)) * (rng.random((120, 90)) < 0.9)
        counts[:, 0] += 400  # a word that is in no block
        rows = ["%d %d %d" % (d + 1, w + 1, counts[d, w]) for d, w in np.argwhere(counts)]
        docs = self.write("docword.txt", "\n".join(["120", "90", str(len(rows))] + rows) + "\n")
        vocab = self.write("vocab.txt", "".join("w%d\n" % w for w in range(90)))
        return self.run_app("lda", {"docs": docs, "vocab": vocab}, {"topics": 5}, {"iterations": 3})

    def ratings(self, solver, **params):
        train = self.path("ratings.txt")
        if not os.path.exists(train):
            cells = np.argwhere(np.random.default_rng(2).random((700, 400)) < 0.85)
            np.savetxt(train, np.c_[cells, 1 + cells.sum(axis=1) % 5], "%d")
        return self.run_app("mf", {"train": train}, dict({"rank": 4, "solver": solver}, **params), {"epochs": 2},
                            solver + "".join(params))

    def moved_updates(self, out):
        """The job's sum stays what it is."""
        told = self.found(out, "updates", "round 2: by the data its tasks have [0-9]+, and the updates come to",
                          "UPDATE rounds SET updates = updates + 1 WHERE round = 2",
                          "UPDATE rounds SET updates = updates - 1 WHERE round = 1")
        self.assertEqual((told["violations"], told["incomplete"]), (2, []))

    def test_topics(self):
        out = self.topics()
        told = self.check(out)
        self.assertIn("nothing was owned by two tasks at once", " ".join(told["proved"]))
        self.assertRegex(" ".join(told["not_proved"]), "1 words, of [0-9]+ tokens, are in no block")
        some = "SELECT round FROM rounds WHERE kind = 'plan' AND blocks > 1"
        tasks = "phase = 0 AND round = (%s LIMIT 1)" % some
        self.found(out, "task", "two tasks own shard", "UPDATE tasks SET shard = (SELECT min(shard) FROM tasks WHERE %s)"
                   " WHERE %s" % (tasks, tasks))
        self.found(out, "task", "two tasks own block", "UPDATE tasks SET block = (SELECT min(block) FROM tasks WHERE %s)"
                   " WHERE %s" % (tasks, tasks))
        self.found(out, "task", "was with a task of round", "UPDATE tasks SET done_ns = done_ns + 1000000000000 WHERE round = 3")
        self.found(out, "cell", "and the data have", "UPDATE cells SET cost = cost - 1 WHERE block = 0 AND shard = 1")
        self.moved_updates(out)
        counts = "FROM tasks WHERE phase > 0"
        told = self.check(self.spoil(out, "DELETE FROM tasks WHERE (round, place) = (SELECT round, max(place) %s AND round ="
                                     " (SELECT min(round) %s))" % (counts, counts)), expect=1)
        self.assertRegex(" ".join(told["incomplete"]), "of [0-9]+ phases of tag [0-9]+ 1 have fewer tasks than others")
        told = self.check(self.spoil(out, "DELETE FROM parts"), expect=1)
        self.assertIn("does not say what blocks", " ".join(told["incomplete"]))

        def add(kind, source, target):
            """A member of one part goes to another too, or, moved, to none."""
            def spoil(db):
                find = "SELECT count, members FROM parts WHERE kind = ? AND part = ?"
                own = numbers(*reversed(db.execute(find, (kind, source)).fetchone()))
                goes = own.pop()
                change = "UPDATE parts SET count = ?, members = ? WHERE kind = ? AND part = ?"
                if target is None:
                    db.execute(change, (len(own), traced.whole(own, False), kind, source))
                    return
                more = list(numbers(*reversed(db.execute(find, (kind, target)).fetchone()))) + [goes]
                db.execute(change, (len(more), traced.whole(more, False), kind, target))
            return spoil

        self.found(out, "part", "word [0-9]+ is in block 0 and in block 1", add("block", 0, 1))
        self.found(out, "part", "document [0-9]+ is in shard 2 and in shard 3", add("shard", 2, 3))
        self.found(out, "part", "document [0-9]+ is in no shard", add("shard", 2, None))
        self.found(out, "part", "word [0-9]+ is in no block", add("block", 2, None))

    def test_ratings(self):
        sgd = self.ratings("sgd", holdout=0.1)
        self.assertEqual(self.check(sgd)["not_proved"], ["objectives, times, and who did a task are taken from the trace"])
        self.found(sgd, "task", "two tasks own shard", "UPDATE tasks SET shard = 0 WHERE round = 1 AND phase = 0")
        told = self.check(self.spoil(sgd, "DELETE FROM tasks WHERE (round, place) = (SELECT round, place FROM tasks"
                                     " WHERE phase > 0 ORDER BY round, place DESC LIMIT 1)"), expect=1)
        self.assertIn("1 rounds have other tasks than their blocks and phases want", told["incomplete"])
        self.moved_updates(sgd)
        told = self.check(self.spoil(sgd, "UPDATE rounds SET blocks = blocks - 1 WHERE round = 2"), expect=1)
        self.assertIn("1 rounds have other tasks than their blocks and phases want", told["incomplete"])
        self.found(sgd, "task", "round 2: .* sampled, and this app samples none", "UPDATE rounds SET kind = 'sampled' WHERE round = 2")
        als = self.ratings("als")
        self.check(als)
        self.moved_updates(als)
        self.found(als, "chunk", "while those that they have in common",
                   "UPDATE tasks SET done_ns = done_ns + 1000000000000 WHERE round = 1")
        ccd = self.ratings("ccd")
        self.check(ccd)
        self.moved_updates(ccd)
        shards = "DELETE FROM tasks WHERE shard = (SELECT max(shard) FROM tasks) AND round "
        for which, fewer in (("= 2", "1"), ("> 1", "[0-9]+")):
            told = self.check(self.spoil(ccd, shards + which), expect=1)
            self.assertRegex(" ".join(told["incomplete"]), "of [0-9]+ phases of tag 0 %s have fewer tasks than others" % fewer)
        self.check(self.ratings("ccd", biases=True, inner_iterations=2))
        self.found(ccd, "part", "user 0 is in no shard", "UPDATE parts SET count = 1, members = x'01000000' WHERE part = 0")


if __name__ == "__main__":
    unittest.main()
