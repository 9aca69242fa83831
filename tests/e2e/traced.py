"""traced.py - trace.db as tests read and spoil it: lists by the page docs/formats/trace.md, not by Rondo."""

import array
import contextlib
import sqlite3

KINDS = {"blocks": "round, block", "tasks": "round, place", "conflicts": "round, place", "draws": "round", "moves": "round"}
WIDTHS = {1: "b", 2: "h", 4: "i", 8: "q"}


def numbers(blob, count):
    """Of a list of whole numbers, an array."""
    return array.array(WIDTHS[len(blob) // count] if count else "q", blob)


def reals(stored, count):
    """Of a list of doubles, or of the number that stands for one."""
    return array.array("d", stored if isinstance(stored, bytes) else [stored] * count)


def whole(values, plain=True):
    """A list of whole numbers as it is stored; the first of a kind is never a plain number."""
    if plain and len(set(values)) == 1:
        return values[0]
    width = next(w for w in WIDTHS if all(-1 << 8 * w - 1 <= v < 1 << 8 * w - 1 for v in values))
    return array.array(WIDTHS[width], values).tobytes()


def doubles(values):
    values = [float("nan") if v is None else v for v in values]
    return values[0] if len(set(values)) == 1 else array.array("d", values).tobytes()


def details(number, begin, rows):
    """The row of a round, of the rows of its kinds, by column."""
    row = {kind: len(rows[kind]) for kind in ("blocks", "tasks", "conflicts")}
    row.update(round=number, begin_ns=begin, variables=0, draws=0, moves=0)
    if rows["blocks"]:
        _, block, count, cost, variables = zip(*rows["blocks"])
        lists = [None if b is None else numbers(b, n).tolist() for n, b in zip(count, variables)]
        every = [v for own in lists for v in own or ()]
        first = [-1 if own is None else sum(len(l or ()) for l in lists[:i]) for i, own in enumerate(lists)]
        row.update(block_number=whole(block, False), block_count=whole(count), block_first=whole(first),
                   block_cost=doubles(cost), variables=len(every), variable=whole(every, False) if every else None)
    if rows["tasks"]:
        names = ("phase", "tag", "work", "block", "shard", "worker")
        _, _, *lists, sent, done, run = zip(*rows["tasks"])
        row.update({"task_" + name: whole(values) for name, values in zip(names, lists)})
        row.update(task_sent=whole([s - begin for s in sent], False), task_run=whole(run),
                   task_took=whole([d - s for s, d in zip(sent, done)]))
    if rows["conflicts"]:
        _, _, candidate, other, coupling, back, joined = zip(*rows["conflicts"])
        row.update(conflict_candidate=whole(candidate, False), conflict_other=whole(other),
                   conflict_coupling=doubles(coupling), conflict_back=whole([number - r for r in back]),
                   conflict_joined=whole(joined))
    for kind, names in (("draws", ("draw_variable", "draw_weight")), ("moves", ("move_variable", "move_delta"))):
        for _, count, variables, values in rows[kind]:
            row.update({kind: count, names[0]: variables, names[1]: values})
    return row


@contextlib.contextmanager
def edited(path):
    """The database, in which blocks, tasks, conflicts, draws and moves are tables; afterwards they are what it has."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    begins = dict(db.execute("SELECT round, begin_ns FROM details"))
    for kind in KINDS:
        db.execute("CREATE TEMP TABLE %s AS SELECT * FROM main.%s" % (kind, kind))
    yield db
    rows = {}
    for kind, order in KINDS.items():
        for row in db.execute("SELECT * FROM temp.%s ORDER BY %s" % (kind, order)):
            rows.setdefault(row[0], {name: [] for name in KINDS})[kind].append(row)
    db.execute("DELETE FROM details")
    for number, kinds in rows.items():
        row = details(number, begins[number], kinds)
        db.execute("INSERT INTO details (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" * len(row))),
                   tuple(row.values()))
    db.commit()
    db.close()
