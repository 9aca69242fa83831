#include "oracle/draws.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double SAID = 1e-9; /* of a sum of weights: what adding it up in another order may round */

static enum draws_mode mode_of(const struct flights *flights)
{
    return !flights->checks ? DRAWS_NONE : flights->drop ? DRAWS_DROP : flights->group ? DRAWS_GROUP : DRAWS_SOLVE;
}

int draws_open(struct draws *draws, const struct subject *subject, struct flights *flights, struct verdict *verdict,
               struct rondo_error *err)
{
    const struct rondo_job *job = subject->job;
    const struct rondo_host *host = &subject->host;
    const char *rule = job_text(job, "schedule.priority.rule");
    *draws = (struct draws){
        .flights = flights, .verdict = verdict, .mode = mode_of(flights),
        .details = reader_level(subject->reader) >= TRACE_ALL,
        .folds = host->matrix(job, "params.cv.folds") || host->integer(job, "params.cv.folds") > 0,
        .weighted = strcmp(rule, "uniform") != 0 && strcmp(rule, "cyclic") != 0,
        .cuts = job_integer(job, "schedule.blocks") > 1,
        .candidates = job_integer(job, "schedule.candidates"),
        .eta = job_real(job, "schedule.priority.eta"),
        .place = mem_calloc((size_t)flights->design->p + 1, sizeof *draws->place),
    };
    return draws->place ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for what was drawn");
}

/* ---- what is found ------------------------------------------------------------------------------------- */

/* A candidate, and in other_round the one that it is about; -1: none. */
static struct finding about(const char *kind, int64_t round, int64_t first, int64_t second, int64_t other_round)
{
    struct finding finding = finding_of(kind, round);
    finding.first = first;
    finding.second = second;
    finding.other_round = other_round;
    return finding;
}

static void find_draw(struct draws *draws, int64_t round, int64_t j, const char *what)
{
    verdict_find(draws->verdict, about("draw", round, j, -1, -1), "round %" PRId64 ": variable %" PRId64 " %s", round, j, what);
}

static void find_conflict(struct draws *draws, int64_t round, const struct trace_conflict *told, const char *what)
{
    verdict_find(draws->verdict, about("conflict", round, told->candidate, told->other, told->other_round),
                 "round %" PRId64 ": variable %" PRId64 " was %s for variable %" PRId64 " of round %" PRId64 ", %s", round,
                 told->candidate, told->joined ? "joined" : "refused", told->other, told->other_round, what);
}

static void find_count(struct draws *draws, int64_t round, const char *what, double value, double said)
{
    struct finding finding = finding_of("count", round);
    finding.value = value;
    finding.bound = said;
    verdict_find(draws->verdict, finding, "round %" PRId64 ": %s %.15g, and the trace says %.15g", round, what, value, said);
}

/* ---- who is where -------------------------------------------------------------------------------------- */

static bool is_variable(const struct draws *draws, int64_t j)
{
    return j >= 0 && j < draws->flights->design->p;
}

/* Not one that another sum may put on either side of the threshold: those are counted. */
static bool is_coupled(struct draws *draws, int64_t j, int64_t k)
{
    if (flights_apart(draws->flights, j, k))
        return false;
    const double beyond = fabs(design_coupling(draws->flights->design, j, k)) - draws->flights->threshold;
    draws->edges += fabs(beyond) <= FLIGHTS_EDGE;
    return beyond > FLIGHTS_EDGE;
}

static bool is_drawn(const struct draws *draws, const struct trace_round *round, int64_t j)
{
    return is_variable(draws, j) && draws->place[j].drawn == round->round;
}

static bool is_taken(const struct draws *draws, const struct trace_round *round, int64_t j)
{
    return is_variable(draws, j) && draws->place[j].taken == round->round;
}

static const struct flight *flight_at(const struct draws *draws, int64_t back)
{
    const struct flights *flights = draws->flights;
    return &flights->flight[(flights->flown - 1 - back) % flights->depth];
}

/* How many sampled rounds before this one are in flight with it. */
static int64_t in_flight(const struct draws *draws)
{
    const struct flights *flights = draws->flights;
    const int64_t now = flight_at(draws, 0)->round;
    int64_t count = 0;
    while (count + 1 < flights->depth && count + 1 < flights->flown
           && (uint64_t)now - (uint64_t)flight_at(draws, count + 1)->round < (uint64_t)flights->depth)
        count++;
    return count;
}

static const int64_t *variables_of(const struct flight *flight)
{
    return (const int64_t *)(const void *)flight->variables.data;
}

/* ---- drawn, then taken or refused ---------------------------------------------------------------------- */

static void note_draws(struct draws *draws, const struct trace_round *round)
{
    const int64_t depth = draws->flights->depth;
    for (int64_t i = 0; i < round->draws; i++) {
        const int64_t j = round->draw[i];
        struct draws_place *place = is_variable(draws, j) ? &draws->place[j] : NULL;
        if (!place) {
            verdict_find(draws->verdict, about("variable", round->round, j, -1, -1), "round %" PRId64 ": the data have no "
                         "variable %" PRId64, round->round, j);
            continue;
        }
        if (place->drawn == round->round)
            find_draw(draws, round->round, j, "was drawn twice");
        else if (place->taken > 0 && round->round - place->taken < depth)
            find_draw(draws, round->round, j, "was drawn while it was in flight");
        place->drawn = round->round;
        place->at = (int32_t)i;
        place->told = -1;
    }
}

static void note_taken(struct draws *draws, const struct trace_round *round)
{
    const struct flight *flight = flight_at(draws, 0);
    const int64_t *variable = variables_of(flight);
    const int32_t *block = (const int32_t *)(const void *)flight->blocks.data;
    for (int64_t i = 0; i < flight->count; i++) {
        struct draws_place *place = &draws->place[variable[i]];
        if (place->drawn != round->round)
            find_draw(draws, round->round, variable[i], "is in a block and was not drawn");
        if (place->taken == round->round)
            find_draw(draws, round->round, variable[i], "is in its blocks twice");
        place->taken = round->round;
        place->node = (int32_t)i;
        place->block = block[i];
    }
}

/* A conflict that cannot have been, whatever the coupling; NULL: it can. */
static const char *wrong_with(const struct draws *draws, const struct trace_round *round, const struct trace_conflict *told)
{
    const bool own = told->other_round == round->round, here = is_taken(draws, round, told->candidate);
    if (draws->mode == DRAWS_NONE || (told->joined && draws->mode == DRAWS_DROP))
        return "which the job does not do";
    if (!is_drawn(draws, round, told->candidate) || !is_variable(draws, told->other))
        return "and was not drawn";
    const struct draws_place *candidate = &draws->place[told->candidate], *other = &draws->place[told->other];
    if (here != told->joined)
        return here ? "and was taken" : "and is in no block";
    if (other->taken != told->other_round || told->other_round > round->round
        || (uint64_t)round->round - (uint64_t)told->other_round >= (uint64_t)draws->flights->depth)
        return "where that is not in flight";
    if (told->joined && (!own || other->block != candidate->block))
        return "which is in another block";
    if (!told->joined && own && draws->mode == DRAWS_SOLVE)
        return "and nobody is refused for one of its own round";
    if (own && draws->mode != DRAWS_SOLVE && other->at >= candidate->at)
        return "which was drawn later";
    return NULL;
}

static void note_conflicts(struct draws *draws, const struct trace_round *round)
{
    for (int32_t i = 0; i < round->conflicts; i++) {
        const struct trace_conflict *told = &round->conflict[i];
        const char *wrong = wrong_with(draws, round, told);
        if (wrong)
            find_conflict(draws, round->round, told, wrong);
        if (!is_drawn(draws, round, told->candidate) || (told->joined && draws->mode == DRAWS_SOLVE))
            continue;
        struct draws_place *place = &draws->place[told->candidate];
        if (place->told >= 0)
            find_conflict(draws, round->round, told, "and for another one too");
        place->told = i;
    }
}

/* ---- the first that it met ----------------------------------------------------------------------------- */

/* The first of the rounds before `before` that are in flight with a variable that j is coupled to; -1: none. */
static int64_t first_in_flight(struct draws *draws, int64_t j, int64_t before, int64_t *round)
{
    for (int64_t back = in_flight(draws); back > 0; back--) {
        const struct flight *flight = flight_at(draws, back);
        const int64_t *variable = variables_of(flight);
        *round = flight->round;
        for (int64_t i = 0; flight->round < before && i < flight->count; i++)
            if (variable[i] != j && is_coupled(draws, j, variable[i]))
                return variable[i];
    }
    return -1;
}

/* The first of draws [0, before) that was taken and that j is coupled to; -1: none.  pairs: adds all of them. */
static int64_t first_taken(struct draws *draws, const struct trace_round *round, int64_t j, int64_t before,
                           int64_t *pairs)
{
    int64_t first = -1;
    for (int64_t i = 0; i < before; i++) {
        const int64_t k = round->draw[i];
        if (k == j || !is_taken(draws, round, k) || !is_coupled(draws, j, k))
            continue;
        first = first < 0 ? k : first;
        if (!pairs)
            break;
        ++*pairs;
    }
    return first;
}

static void find_first(struct draws *draws, const struct trace_round *round, const struct trace_conflict *told, int64_t met,
                       int64_t met_round)
{
    struct finding finding = about("conflict", round->round, told->candidate, met, met_round);
    finding.value = design_coupling(draws->flights->design, told->candidate, met);
    finding.bound = draws->flights->threshold;
    verdict_find(draws->verdict, finding, "round %" PRId64 ": variable %" PRId64 " was %s for variable %" PRId64 " of round %"
                 PRId64 ", and met variable %" PRId64 " of round %" PRId64 " before, to which it is coupled by %.9g",
                 round->round, told->candidate, told->joined ? "joined" : "refused", told->other, told->other_round, met,
                 met_round, finding.value);
}

static void judge_refused(struct draws *draws, const struct trace_round *round, const struct trace_conflict *told)
{
    int64_t met_round = round->round, met = first_in_flight(draws, told->candidate, told->other_round, &met_round);
    if (met < 0 && draws->mode == DRAWS_DROP && told->other_round == round->round && is_drawn(draws, round, told->other)) {
        met_round = round->round;
        met = first_taken(draws, round, told->candidate, draws->place[told->other].at, NULL);
    }
    if (met >= 0)
        find_first(draws, round, told, met, met_round);
    draws->refused++;
}

/* group: draw i, which was taken.  Returns the pairs that it is coupled in. */
static int64_t judge_joined(struct draws *draws, const struct trace_round *round, int64_t i)
{
    const int64_t j = round->draw[i];
    const struct draws_place *place = &draws->place[j];
    const struct trace_conflict *told = place->told < 0 ? NULL : &round->conflict[place->told];
    int64_t pairs = 0, met = first_taken(draws, round, j, i, &pairs);
    draws->joined += told != NULL;
    if (met < 0)
        return pairs;
    if (!told) {
        struct finding finding = about("conflict", round->round, j, met, round->round);
        finding.value = design_coupling(draws->flights->design, j, met);
        finding.bound = draws->flights->threshold;
        verdict_find(draws->verdict, finding, "round %" PRId64 ": variable %" PRId64 " is coupled by %.9g to variable %" PRId64
                     ", which was taken before, and has not joined it", round->round, j, finding.value, met);
    } else if (is_drawn(draws, round, told->other) && draws->place[told->other].at > draws->place[met].at) {
        find_first(draws, round, told, met, round->round);
    }
    return pairs;
}

/* Each draw: taken or refused, and for whom.  Returns the coupled pairs of those taken, where they are looked at. */
static int64_t judge_draws(struct draws *draws, const struct trace_round *round)
{
    int64_t pairs = 0;
    for (int64_t i = 0; i < round->draws; i++) {
        const int64_t j = round->draw[i];
        if (!is_drawn(draws, round, j) || draws->place[j].at != i)
            continue;
        const struct draws_place *place = &draws->place[j];
        const bool taken = place->taken == round->round;
        if (!taken && place->told < 0)
            find_draw(draws, round->round, j, "was drawn, and neither taken nor refused");
        else if (!taken)
            judge_refused(draws, round, &round->conflict[place->told]);
        else if (draws->mode == DRAWS_GROUP)
            pairs += judge_joined(draws, round, i);
    }
    draws->drawn += round->draws;
    return pairs;
}

/* ---- solve: who was joined ----------------------------------------------------------------------------- */

static int32_t root_of(int32_t *tree, int32_t i)
{
    while (tree[i] != i)
        i = tree[i] = tree[tree[i]];
    return i;
}

static bool unite(int32_t *tree, int32_t a, int32_t b)
{
    a = root_of(tree, a);
    b = root_of(tree, b);
    tree[a > b ? a : b] = a > b ? b : a;
    return a != b;
}

/* The pairs that were told close no circle, the strongest first. */
static void plant(struct draws *draws, const struct trace_round *round, int32_t *joined)
{
    double before = HUGE_VAL;
    for (int32_t i = 0; i < round->conflicts; i++) {
        const struct trace_conflict *told = &round->conflict[i];
        if (!told->joined || !is_taken(draws, round, told->candidate) || !is_taken(draws, round, told->other))
            continue;
        if (!unite(joined, draws->place[told->candidate].node, draws->place[told->other].node))
            find_conflict(draws, round->round, told, "which were held together before");
        const double size = fabs(told->coupling);
        if (size > before + FLIGHTS_SAID)
            find_conflict(draws, round->round, told, "and is coupled more than what was joined before");
        before = size;
        draws->joined++;
    }
}

/* all: who is coupled, pair by pair.  Those of one block, all of them, must have been joined. */
static void compare_trees(struct draws *draws, const struct flight *flight, int32_t *all, int32_t *joined, unsigned char *parted)
{
    const int64_t *variable = variables_of(flight);
    const int32_t *block = (const int32_t *)(const void *)flight->blocks.data;
    memset(parted, 0, (size_t)flight->count);
    for (int32_t i = 0; i < (int32_t)flight->count; i++)
        parted[root_of(all, i)] |= block[i] != block[root_of(all, i)];
    for (int32_t i = 0; i < (int32_t)flight->count; i++)
        draws->parted += parted[i];
    for (int32_t i = 0; i < (int32_t)flight->count; i++) {
        const int32_t root = root_of(all, i);
        if (parted[root] || root_of(joined, i) == root_of(joined, root))
            continue;
        verdict_find(draws->verdict, about("conflict", flight->round, variable[i], variable[root], flight->round), "round %"
                     PRId64 ": variables %" PRId64 " and %" PRId64 " are coupled, by others or by themselves, in one block, "
                     "and no joined pairs hold them together", flight->round, variable[i], variable[root]);
        break;
    }
}

/* Returns the coupled pairs of those taken; -1: no memory. */
static int64_t judge_forest(struct draws *draws, const struct trace_round *round)
{
    const struct flight *flight = flight_at(draws, 0);
    const int64_t *variable = variables_of(flight);
    const int32_t count = (int32_t)flight->count;
    int64_t pairs = 0;
    if (buf_reserve(&draws->tree, ((size_t)count + 1) * (2 * sizeof(int32_t) + 1)))
        return -1;
    int32_t *all = (int32_t *)(void *)draws->tree.data, *joined = all + count;
    for (int32_t i = 0; i < count; i++)
        all[i] = joined[i] = i;
    plant(draws, round, joined);
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < i; k++)
            if (variable[i] != variable[k] && is_coupled(draws, variable[i], variable[k])) {
                (void)unite(all, i, k);
                pairs++;
            }
    if (pairs) /* else nothing is to be held together */
        compare_trees(draws, flight, all, joined, (unsigned char *)(joined + count));
    return pairs;
}

/* ---- counts -------------------------------------------------------------------------------------------- */

/* Of a sum of weights, which may be of very different sizes. */
static bool is_near(double a, double b)
{
    return fabs(a - b) <= SAID * fmax(fabs(a), fabs(b));
}

static void compare_weights(struct draws *draws, const struct trace_round *round)
{
    double drawn = 0, taken = 0;
    for (int64_t i = 0; i < round->draws; i++) {
        const double share = draws->weighted ? round->weight[i] + draws->eta : round->weight[i];
        drawn += share;
        taken += is_taken(draws, round, round->draw[i]) ? share : 0;
        if (!(round->weight[i] >= 0) || (!draws->weighted && round->weight[i] != 1)) {
            find_count(draws, round->round, "a candidate was drawn by the weight", round->weight[i], 1);
            return;
        }
    }
    if (!is_near(taken, round->weight_taken))
        find_count(draws, round->round, "the weights of those taken come to", taken, round->weight_taken);
    const bool ended = round->taken < round->wanted && round->drawn < draws->candidates;
    if ((drawn > round->weight_sum || ended) && !is_near(drawn, round->weight_sum))
        find_count(draws, round->round, ended ? "it was not full and no more had a weight; those drawn have"
                                              : "the weights of those drawn come to", drawn, round->weight_sum);
}

/* What moved was taken; a sweep moves the worst variable, if any. */
static void compare_moves(struct draws *draws, const struct trace_round *round)
{
    const bool sampled = strcmp(round->kind, "sampled") == 0;
    for (int64_t i = 0; i < round->moves && sampled; i++)
        if (!is_taken(draws, round, round->move[i]))
            find_draw(draws, round->round, round->move[i], "moved and is in no block");
}

static void compare_updates(struct draws *draws, const struct trace_round *round)
{
    const bool sampled = strcmp(round->kind, "sampled") == 0;
    if (draws->folds)
        return;
    const int64_t updates = sampled ? round->taken : strcmp(round->note, "worst") == 0;
    if (!sampled && round->moves > updates)
        find_count(draws, round->round, "a sweep moves the worst variable or none; it has moved", (double)round->moves,
                   (double)updates);
    draws->updates++;
    if (updates == round->updates)
        return;
    struct finding finding = finding_of("updates", round->round);
    finding.value = (double)updates;
    finding.bound = (double)round->updates;
    verdict_find(draws->verdict, finding, "round %" PRId64 ": it has %" PRId64 " update%s, and the trace says %" PRId64,
                 round->round, updates, updates == 1 ? "" : "s", round->updates);
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static bool is_whole(const struct draws *draws, const struct trace_round *round)
{
    return draws->mode == DRAWS_SOLVE && draws->flights->depth == 1 && round->blocks <= 1 && round->pairs_needed == 0;
}

int draws_round(struct draws *draws, const struct trace_round *round)
{
    const bool sampled = strcmp(round->kind, "sampled") == 0;
    compare_updates(draws, round);
    if (!sampled || round->round <= 0 || !draws->details || round->draws != round->drawn || (round->taken > 0 && !round->block))
        return RONDO_OK; /* what is not there whole.h says */
    note_draws(draws, round);
    note_taken(draws, round);
    note_conflicts(draws, round);
    compare_moves(draws, round);
    compare_weights(draws, round);
    draws->edges = 0;
    int64_t pairs = judge_draws(draws, round);
    const bool whole = is_whole(draws, round);
    if (draws->mode == DRAWS_SOLVE && draws->cuts && !whole)
        pairs = judge_forest(draws, round);
    if (pairs < 0)
        return RONDO_ENOMEM;
    if (round->coupled_pairs < pairs || round->coupled_pairs > pairs + draws->edges)
        find_count(draws, round->round, "the coupled pairs of those taken are", (double)pairs, (double)round->coupled_pairs);
    draws->rounds++;
    draws->whole += whole;
    return RONDO_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

void draws_end(struct draws *draws)
{
    struct verdict *verdict = draws->verdict;
    if (draws->updates)
        verdict_say(verdict, &verdict->proved, "the updates of each of %" PRId64 " rounds are the variables that it took",
                    draws->updates);
    else if (draws->folds)
        verdict_say(verdict, &verdict->not_proved, "a round's updates are of all folds: which of them they are of, the trace "
                    "does not say");
    if (draws->rounds == 0)
        return;
    verdict_say(verdict, &verdict->proved, "each of %" PRId64 " candidates was drawn once and taken, or refused for the first "
                "that it met and is coupled to: %" PRId64 " rounds, %" PRId64 " refused, %" PRId64 " pairs joined, and no other "
                "had to be", draws->drawn, draws->rounds, draws->refused, draws->joined);
    if (draws->whole)
        verdict_say(verdict, &verdict->proved, "%" PRId64 " rounds are one block each, of all that was drawn, and needed no "
                    "couplings", draws->whole);
    verdict_say(verdict, &verdict->not_proved, "which candidates were drawn, by which weights, and in which order where that "
                "decides nothing, is taken from the trace; so are times, costs, and pairs needed or computed");
    if (draws->parted)
        verdict_say(verdict, &verdict->not_proved, "%" PRId64 " times variables that are coupled, by others or by themselves, did "
                    "not fit in one block: where they were cut is taken from the trace", draws->parted);
    if (draws->mode == DRAWS_GROUP)
        verdict_say(verdict, &verdict->not_proved, "whether there was no room for who was refused for one of its own round is "
                    "taken from the trace");
}

void draws_close(struct draws *draws)
{
    mem_free(draws->place);
    buf_fini(&draws->tree);
}
