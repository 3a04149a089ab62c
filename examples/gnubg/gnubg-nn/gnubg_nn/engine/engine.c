/* SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gnubg's own rules, inputs and evaluation as a library for Python (library.py).
 *
 * eval.c of the gnubg source is included, so that its static functions can be called.
 * The nets' forward pass stands here instead of in lib/neuralnet.c: the same operations
 * in the same order, so the same bits (test_nn_engine.py compares them), in a shape
 * that a compiler may put into vectors without changing any sum. Compile it without
 * -ffast-math and with -ffp-contract=off.
 *
 * One process, one thread: eval.c keeps its nets in global variables.
 */

#include "eval.c"

#include "sigmoid.h"

enum { WIN, GAMMON, BACKGAMMON, LOSE_GAMMON, LOSE_BACKGAMMON };

enum {
    NETS = 6,
    PLAYERS = 2,
    MAX_HIDDEN = 1024,
    OUTPUT_LANES = 8,
    MAX_PLIES = 2000,
    MAX_TIES = 16,
};

/* ---- what eval.c needs of the rest of gnubg, for money games without cube ------------ */

static NNState nn_states[3];
static ThreadLocalData thread_data;
ThreadData td;
int asyncRet;
float aafMET[MAXSCORE][MAXSCORE];
float aafMETPostCrawford[2][MAXSCORE];
float aaaafGammonPrices[MAXCUBELEVEL][MAXSCORE][MAXSCORE][4];
float aaaafGammonPricesPostCrawford[MAXCUBELEVEL][MAXSCORE][2][4];

extern int
LogCube(int n)
{
    int log = 0;
    while (n >>= 1)
        log++;
    return log;
}

extern void outputerrf(const char *format, ...) { (void) format; }
extern void PrintError(const char *text) { (void) text; }
extern char *getPkgDataDir(void) { return "."; }

/* ---- the nets ------------------------------------------------------------------------ */

/* A player's nets in the order of the weights file. */
static neuralnet all_nets[PLAYERS][NETS];
static int playing = -1;

static neuralnet *const places[NETS] = {
    &nnContact, &nnRace, &nnCrashed, &nnpContact, &nnpCrashed, &nnpRace
};

static void
let_play(int player)
{
    if (player == playing)
        return;
    for (int i = 0; i < NETS; i++)
        *places[i] = all_nets[player][i];
    playing = player;
}

#define EXPORT __attribute__((visibility("default"))) extern

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
/* Wider vectors where the machine has them; no lane ever meets another. */
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

/* lib/sigmoid.h:143-167 for x = -beta * a, branch by branch, with selections. */
WIDE static void
sigmoids(float *restrict a, unsigned int n, float beta)
{
    for (unsigned int j = 0; j < n; j++) {
        float const x = -beta * a[j];
        float const positive = x >= 0.0f ? x : -x;
        float const held = positive < 10.0f ? positive : 0.0f;
        float const x1 = 10.0f * held;
        int const i = (int) x1;
        float const inside = 1.0f / (1.0f + e[i] * ((float) (10 - i) + x1));
        float const small = positive < 10.0f ? inside : 1.0f / 19931.370438230298f;
        float const large = positive < 10.0f ? 1.0f - inside : 19930.370438230298f / 19931.370438230298f;
        a[j] = x >= 0.0f ? small : large;
    }
}

WIDE static void
first_layer(const float *restrict weights, const float *restrict input, unsigned int inputs, float *restrict a, unsigned int hidden)
{
    for (unsigned int i = 0; i < inputs; i++) {
        float const x = input[i];
        const float *restrict row = weights + (size_t) i * hidden;
        if (x == 0.0f)
            continue;
        for (unsigned int j = 0; j < hidden; j++)
            a[j] += row[j] * x;
    }
}

/* The weights lie hidden unit by hidden unit, so that the sums of the outputs go side
 * by side and each in the order of lib/neuralnet.c:158-165. */
WIDE static void
second_layer(const float *restrict weights, const float *restrict a, unsigned int hidden, float *restrict sums)
{
    float lanes[OUTPUT_LANES];
    memcpy(lanes, sums, sizeof lanes);
    for (unsigned int j = 0; j < hidden; j++)
        for (int o = 0; o < OUTPUT_LANES; o++)
            lanes[o] += a[j] * weights[j * OUTPUT_LANES + o];
    memcpy(sums, lanes, sizeof lanes);
}

extern int
NeuralNetEvaluate(const neuralnet *net, float input[], float output[], NNState *state)
{
    _Alignas(64) float a[MAX_HIDDEN];
    _Alignas(64) float sums[OUTPUT_LANES];
    (void) state;
    memcpy(a, net->arHiddenThreshold, net->cHidden * sizeof *a);
    first_layer(net->arHiddenWeight, input, net->cInput, a, net->cHidden);
    sigmoids(a, net->cHidden, net->rBetaHidden);
    memcpy(sums, net->arOutputThreshold, sizeof sums);
    second_layer(net->arOutputWeight, a, net->cHidden, sums);
    sigmoids(sums, OUTPUT_LANES, net->rBetaOutput);
    memcpy(output, sums, NUM_OUTPUTS * sizeof *output);
    return 0;
}

static float *
room_for(size_t floats)
{
    size_t const bytes = (floats * sizeof(float) + 63) / 64 * 64;
    float *room = aligned_alloc(64, bytes);
    if (!room)
        abort();
    memset(room, 0, bytes);
    return room;
}

/* Take over one net of a player, its arrays laid out as in the weights file. */
EXPORT int
engine_net(int player, int index, int inputs, int hidden, const float *w1, const float *w2, const float *b1, const float *b2)
{
    static const int sizes[NETS] = {
        NUM_INPUTS, NUM_RACE_INPUTS, NUM_INPUTS, NUM_PRUNING_INPUTS, NUM_PRUNING_INPUTS, NUM_PRUNING_INPUTS
    };
    if (player < 0 || player >= PLAYERS || index < 0 || index >= NETS)
        return -1;
    if (inputs != sizes[index] || hidden < 1 || hidden > MAX_HIDDEN)
        return -1;
    neuralnet *net = &all_nets[player][index];
    if (!net->arHiddenWeight || net->cHidden != (unsigned int) hidden) {
        free(net->arHiddenWeight);
        free(net->arOutputWeight);
        free(net->arHiddenThreshold);
        free(net->arOutputThreshold);
        net->arHiddenWeight = room_for((size_t) inputs * hidden);
        net->arOutputWeight = room_for((size_t) hidden * OUTPUT_LANES);
        net->arHiddenThreshold = room_for(hidden);
        net->arOutputThreshold = room_for(OUTPUT_LANES);
    }
    net->cInput = inputs;
    net->cHidden = hidden;
    net->cOutput = NUM_OUTPUTS;
    net->nTrained = 1;
    net->rBetaHidden = 0.1f;
    net->rBetaOutput = 1.0f;
    memcpy(net->arHiddenWeight, w1, sizeof(float) * inputs * hidden);
    for (int o = 0; o < NUM_OUTPUTS; o++)
        for (int j = 0; j < hidden; j++)
            net->arOutputWeight[j * OUTPUT_LANES + o] = w2[o * hidden + j];
    memcpy(net->arHiddenThreshold, b1, sizeof(float) * hidden);
    memcpy(net->arOutputThreshold, b2, sizeof(float) * NUM_OUTPUTS);
    playing = -1;
    return 0;
}

/* ---- beginning ----------------------------------------------------------------------- */

/* Build tables and read the two bear-off databases that makebearoff writes; 0, or 1 and
 * 2 for the database that cannot be read. */
EXPORT int
engine_begin(const char *one_sided, const char *two_sided)
{
    static int begun;
    if (!begun) {
        ComputeTable();
        thread_data.aMoves = calloc(MAX_INCOMPLETE_MOVES, sizeof(move));
        thread_data.pnnState = nn_states;
        td.tld = &thread_data;
        if (!thread_data.aMoves)
            abort();
        begun = 1;
    }
    pbc1 = BearoffInit(one_sided, BO_IN_MEMORY | BO_MUST_BE_ONE_SIDED, NULL);
    if (!pbc1)
        return 1;
    pbc2 = BearoffInit(two_sided, BO_IN_MEMORY | BO_MUST_BE_TWO_SIDED, NULL);
    return pbc2 ? 0 : 2;
}

/* ---- random numbers: Philox4x32-10 (Salmon et al. 2011) ------------------------------- */

typedef struct {
    uint32_t key[2], counter[4], words[4];
    int used;
} stream;

static void
philox(stream *s)
{
    uint32_t k0 = s->key[0], k1 = s->key[1];
    uint32_t c[4];
    memcpy(c, s->counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        uint64_t const p = (uint64_t) 0xD2511F53u * c[0], q = (uint64_t) 0xCD9E8D57u * c[2];
        uint32_t const a = (uint32_t) (q >> 32) ^ c[1] ^ k0, b = (uint32_t) (p >> 32) ^ c[3] ^ k1;
        c[0] = a;
        c[1] = (uint32_t) q;
        c[2] = b;
        c[3] = (uint32_t) p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(s->words, c, sizeof c);
    s->used = 0;
    if (!++s->counter[0])
        s->counter[1]++;
}

static stream
stream_of(uint32_t seed, uint32_t purpose, uint32_t high, uint32_t low)
{
    stream s = { { seed, purpose }, { 0, 0, low, high }, { 0 }, 4 };
    return s;
}

static uint32_t
below(stream *s, uint32_t n)
{
    uint32_t const limit = (uint32_t) (((uint64_t) 1 << 32) / n * n - 1);
    for (;;) {
        if (s->used == 4)
            philox(s);
        uint32_t const word = s->words[s->used++];
        if (word <= limit)
            return word % n;
    }
}

static float
uniform(stream *s)
{
    return (float) below(s, 1 << 24) / (1 << 24);
}

static void
roll(stream *s, unsigned int dice[2])
{
    dice[0] = below(s, 6) + 1;
    dice[1] = below(s, 6) + 1;
}

/* ---- evaluation ------------------------------------------------------------------------ */

static float
money(const float o[NUM_OUTPUTS])
{
    return 2.0f * o[WIN] - 1.0f + o[GAMMON] + o[BACKGAMMON] - o[LOSE_GAMMON] - o[LOSE_BACKGAMMON];
}

/* The same chances, seen by the other side. */
static void
turn_round(float o[NUM_OUTPUTS])
{
    float const gammon = o[GAMMON], backgammon = o[BACKGAMMON];
    o[WIN] = 1.0f - o[WIN];
    o[GAMMON] = o[LOSE_GAMMON];
    o[BACKGAMMON] = o[LOSE_BACKGAMMON];
    o[LOSE_GAMMON] = gammon;
    o[LOSE_BACKGAMMON] = backgammon;
}

static positionclass
class_of(ConstTanBoard board)
{
    return ClassifyPosition(board, VARIATION_STANDARD);
}

/* gnubg at 0-ply (the leaf of EvaluatePositionFull, eval.c:5487-5505). */
static positionclass
judge(ConstTanBoard board, float out[NUM_OUTPUTS])
{
    positionclass const pc = class_of(board);
    acef[pc] (board, out, VARIATION_STANDARD, NULL);
    if (pc > CLASS_GOOD)
        SanityCheck(board, out);
    return pc;
}

/* Keep the best few of n moves by the pruning nets, as FindBestMoveInEval does
 * (eval.c:5298-5411); return how many stay, their places in `kept`. */
static int
prune(const movelist *moves, int kept[])
{
    const neuralnet *const nets[] = { &nnpRace, &nnpCrashed, &nnpContact };
    int const n = (int) moves->cMoves, keep = MIN_PRUNE_MOVES + LogCube(n);
    float scores[MAX_MOVES];
    positionclass first = CLASS_OVER;
    TanBoard board;

    for (int i = 0; i < n; i++)
        kept[i] = i;
    if (n <= keep)
        return n;
    for (int i = 0; i < n; i++) {
        _Alignas(64) float input[NUM_PRUNING_INPUTS];
        float out[NUM_OUTPUTS];
        PositionFromKeySwapped(board, &moves->amMoves[i].key);
        positionclass const pc = class_of((ConstTanBoard) board);
        if (i == 0)
            first = pc;
        if (pc < CLASS_RACE || pc != first)
            return n;
        baseInputs((ConstTanBoard) board, input);
        NeuralNetEvaluate(nets[pc - CLASS_RACE], input, out, NULL);
        if (pc == CLASS_RACE)
            EvalRaceBG((ConstTanBoard) board, out, VARIATION_STANDARD);
        SanityCheck((ConstTanBoard) board, out);
        scores[i] = money(out);
    }
    /* A short insertion sort: best first, the earlier one where two are equal. */
    for (int i = 1; i < n; i++) {
        int const place = kept[i];
        int j = i;
        for (; j > 0 && scores[kept[j - 1]] > scores[place]; j--)
            kept[j] = kept[j - 1];
        kept[j] = place;
    }
    return keep;
}

/* Play the best move at 0-ply: `board` becomes the position after it, as the opponent on
 * roll sees it, `out` its evaluation. With `choices` > 1 and a stream, one of so many
 * best moves is played instead, at random, while `out` stays that of the best one. */
static positionclass
play_best(TanBoard board, const unsigned int dice[2], int pruning, float out[NUM_OUTPUTS], int choices, stream *s)
{
    movelist moves;
    int kept[MAX_MOVES];
    int best[MAX_TIES] = { 0 };
    float values[MAX_TIES];
    int found = 0;
    positionclass pc = CLASS_OVER;
    TanBoard after;

    GenerateMoves(&moves, (ConstTanBoard) board, (int) dice[0], (int) dice[1], FALSE);
    if (moves.cMoves == 0) {
        SwapSides(board);
        return judge((ConstTanBoard) board, out);
    }
    if (moves.cMoves == 1) {
        PositionFromKeySwapped(board, &moves.amMoves[0].key);
        return judge((ConstTanBoard) board, out);
    }
    if (choices < 1)
        choices = 1;
    if (choices > MAX_TIES)
        choices = MAX_TIES;
    int n = (int) moves.cMoves;
    if (pruning)
        n = prune(&moves, kept);
    for (int k = 0; k < n; k++) {
        float o[NUM_OUTPUTS];
        int const i = pruning ? kept[k] : k;
        PositionFromKeySwapped(after, &moves.amMoves[i].key);
        positionclass const kind = judge((ConstTanBoard) after, o);
        float const value = money(o);
        if (found == 0 || value < values[0]) {
            memcpy(out, o, sizeof o);
            pc = kind;
        }
        int j = found < choices ? found++ : choices;
        for (; j > 0 && value < values[j - 1]; j--)
            if (j < choices) {
                values[j] = values[j - 1];
                best[j] = best[j - 1];
            }
        if (j < choices) {
            values[j] = value;
            best[j] = i;
        }
    }
    int const chosen = choices > 1 && found > 1 ? (int) below(s, (uint32_t) found) : 0;
    PositionFromKeySwapped(board, &moves.amMoves[best[chosen]].key);
    return chosen ? class_of((ConstTanBoard) board) : pc;
}

/* One ply of search: the mean over the 21 rolls of what play_best reaches; where `dice`
 * are given, `board` and `next` become the position after them and its evaluation. */
static positionclass
look_ahead(TanBoard board, int pruning, float mean[NUM_OUTPUTS], const unsigned int dice[2], float next[NUM_OUTPUTS])
{
    TanBoard reached;
    positionclass found = CLASS_OVER;
    float sum[NUM_OUTPUTS] = { 0 };

    for (unsigned int n0 = 1; n0 <= 6; n0++)
        for (unsigned int n1 = 1; n1 <= n0; n1++) {
            unsigned int const pair[2] = { n0, n1 };
            float out[NUM_OUTPUTS];
            TanBoard after;
            memcpy(after, board, sizeof after);
            positionclass const pc = play_best(after, pair, pruning, out, 1, NULL);
            float const weight = n0 == n1 ? 1.0f : 2.0f;
            for (int o = 0; o < NUM_OUTPUTS; o++)
                sum[o] += weight * out[o];
            if (dice && ((dice[0] == n0 && dice[1] == n1) || (dice[0] == n1 && dice[1] == n0))) {
                memcpy(reached, after, sizeof reached);
                memcpy(next, out, sizeof out);
                found = pc;
            }
        }
    for (int o = 0; o < NUM_OUTPUTS; o++)
        mean[o] = sum[o] / 36.0f;
    turn_round(mean);
    if (dice)
        memcpy(board, reached, sizeof reached);
    return found;
}

/* EvaluatePositionFull for money without cube: plies of full search, all rolls. */
static void
search(ConstTanBoard board, int plies, int pruning, float out[NUM_OUTPUTS])
{
    positionclass const pc = class_of(board);
    float sum[NUM_OUTPUTS] = { 0 };

    if (plies == 0 || pc <= CLASS_PERFECT) {
        judge(board, out);
        return;
    }
    for (unsigned int n0 = 1; n0 <= 6; n0++)
        for (unsigned int n1 = 1; n1 <= n0; n1++) {
            unsigned int const pair[2] = { n0, n1 };
            float o[NUM_OUTPUTS];
            TanBoard after;
            memcpy(after, board, sizeof after);
            play_best(after, pair, pruning, o, 1, NULL);
            if (plies > 1)
                search((ConstTanBoard) after, plies - 1, pruning, o);
            float const weight = n0 == n1 ? 1.0f : 2.0f;
            for (int k = 0; k < NUM_OUTPUTS; k++)
                sum[k] += weight * o[k];
        }
    for (int o = 0; o < NUM_OUTPUTS; o++)
        out[o] = sum[o] / 36.0f;
    turn_round(out);
}

/* ---- for Python: positions by 10-byte keys -----------------------------------------------
 *
 * These return how many positions they did: fewer than n where the next is none. */

/* Unpack a key; 0 where a side has more than 15 chequers, which would lead gnubg's tables
 * beyond their ends. */
static int
board_of(const unsigned char *key, TanBoard board)
{
    oldpositionkey old;
    unsigned int men[2] = { 0, 0 };
    memcpy(old.auch, key, sizeof old.auch);
    oldPositionFromKey(board, &old);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 25; i++)
            men[side] += board[side][i];
    return men[0] <= 15 && men[1] <= 15;
}

static void
key_of(ConstTanBoard board, unsigned char *key)
{
    oldpositionkey old;
    oldPositionKey(board, &old);
    memcpy(key, old.auch, sizeof old.auch);
}

/* Class numbers of classes.py. */
static unsigned char
class_number(positionclass pc)
{
    switch (pc) {
    case CLASS_OVER:
        return 0;
    case CLASS_RACE:
        return 3;
    case CLASS_CRASHED:
        return 4;
    case CLASS_CONTACT:
        return 5;
    case CLASS_BEAROFF1:
    case CLASS_BEAROFF_OS:
        return 2;
    default:
        return 1;
    }
}

EXPORT size_t
engine_classify(const unsigned char *keys, size_t n, unsigned char *classes)
{
    TanBoard board;
    for (size_t i = 0; i < n; i++) {
        if (!board_of(keys + 10 * i, board))
            return i;
        classes[i] = class_number(class_of((ConstTanBoard) board));
    }
    return n;
}

/* Fill `rows` (n, inputs) with what the net with this index is fed. */
EXPORT size_t
engine_encode(int index, const unsigned char *keys, size_t n, float *rows)
{
    TanBoard board;
    for (size_t i = 0; i < n; i++) {
        if (!board_of(keys + 10 * i, board))
            return i;
        if (index == 0) {
            CalculateContactInputs((ConstTanBoard) board, rows);
            rows += NUM_INPUTS;
        } else if (index == 1) {
            CalculateRaceInputs((ConstTanBoard) board, rows);
            rows += NUM_RACE_INPUTS;
        } else if (index == 2) {
            CalculateCrashedInputs((ConstTanBoard) board, rows);
            rows += NUM_INPUTS;
        } else {
            baseInputs((ConstTanBoard) board, rows);
            rows += NUM_PRUNING_INPUTS;
        }
    }
    return n;
}

/* The raw outputs (n, 5) of one net of player 0. */
EXPORT size_t
engine_forward(int index, const unsigned char *keys, size_t n, float *outputs)
{
    _Alignas(64) float input[NUM_INPUTS];
    for (size_t i = 0; i < n; i++) {
        if (!engine_encode(index, keys + 10 * i, 1, input))
            return i;
        NeuralNetEvaluate(&all_nets[0][index], input, outputs + NUM_OUTPUTS * i, NULL);
    }
    return n;
}

/* gnubg's evaluation (n, 5) at so many plies, by player 0. */
EXPORT size_t
engine_evaluate(const unsigned char *keys, size_t n, int plies, int pruning, float *outputs)
{
    TanBoard board;
    let_play(0);
    for (size_t i = 0; i < n; i++) {
        if (!board_of(keys + 10 * i, board))
            return i;
        search((ConstTanBoard) board, plies, pruning, outputs + NUM_OUTPUTS * i);
    }
    return n;
}

/* Fill `after` (n, 10) with the positions after player 0's best move at 0-ply, the
 * opponent on roll, for dice (n, 2). */
EXPORT size_t
engine_moves(const unsigned char *dice, const unsigned char *keys, size_t n, unsigned char *after)
{
    TanBoard board;
    let_play(0);
    for (size_t i = 0; i < n; i++) {
        unsigned int const pair[2] = { dice[2 * i], dice[2 * i + 1] };
        float out[NUM_OUTPUTS];
        if (!board_of(keys + 10 * i, board))
            return i;
        play_best(board, pair, 0, out, 1, NULL);
        key_of((ConstTanBoard) board, after + 10 * i);
    }
    return n;
}

/* What gnubg does to chances before it uses them (SanityCheck, eval.c:1637-1774). */
EXPORT size_t
engine_sanity(const unsigned char *keys, size_t n, float *chances)
{
    TanBoard board;
    for (size_t i = 0; i < n; i++) {
        if (!board_of(keys + 10 * i, board))
            return i;
        SanityCheck((ConstTanBoard) board, chances + NUM_OUTPUTS * i);
    }
    return n;
}

/* ---- self-play ------------------------------------------------------------------------------ */

typedef struct {
    uint32_t seed;
    uint32_t generation;
    int pruning;
    /* 0: targets from the roll that came; 1: from all 21 rolls. */
    int all_rolls;
    float lambda;
    /* This share of the games opens with 1 to so many plies at random. */
    float random_share;
    int random_plies;
    /* This share of the plies plays one of the best few moves, which one at random. */
    float explore_share;
    int explore_choices;
} play_options;

typedef struct {
    unsigned char key[10];
    unsigned char class_number;
    unsigned char reserved;
    uint32_t game;
    float value[NUM_OUTPUTS];
    float target[NUM_OUTPUTS];
} record;

typedef struct {
    TanBoard board;
    positionclass pc;
    /* Evaluation of this position, where it was reached by the best move. */
    float value[NUM_OUTPUTS];
    /* What one ply says of it: by the roll that came, or by all. */
    float backup[NUM_OUTPUTS];
    /* The next position's evaluation, and whether play went on there. */
    float next[NUM_OUTPUTS];
    int cut;
} ply_record;

enum { PURPOSE_PLAY = 1, PURPOSE_DUEL = 2, PURPOSE_ROLLOUT = 3 };

static void
opening(TanBoard board)
{
    static const unsigned int side[25] = { 0, 0, 0, 0, 0, 5, 0, 3, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0 };
    memcpy(board[0], side, sizeof side);
    memcpy(board[1], side, sizeof side);
}

static void
opening_roll(stream *s, unsigned int dice[2])
{
    do
        roll(s, dice);
    while (dice[0] == dice[1]);
}

static void
play_random(TanBoard board, const unsigned int dice[2], stream *s)
{
    movelist moves;
    GenerateMoves(&moves, (ConstTanBoard) board, (int) dice[0], (int) dice[1], FALSE);
    if (moves.cMoves == 0)
        SwapSides(board);
    else
        PositionFromKeySwapped(board, &moves.amMoves[below(s, moves.cMoves)].key);
}

/* Play on from `line[0]` until a database or the rules know the result, noting what each
 * ply says; return the number of positions, the last of which has its final value. */
static int
play_on(const play_options *options, stream *s, unsigned int dice[2], ply_record *line)
{
    int n = 0;
    while (n < MAX_PLIES - 1 && line[n].pc >= CLASS_RACE) {
        ply_record *const now = &line[n], *const then = &line[n + 1];
        int const explore = uniform(s) < options->explore_share;
        memcpy(then->board, now->board, sizeof now->board);
        if (options->all_rolls) {
            then->pc = look_ahead(then->board, options->pruning, now->backup, dice, now->next);
        } else {
            then->pc = play_best(then->board, dice, options->pruning, now->next, 1, NULL);
            memcpy(now->backup, now->next, sizeof now->next);
            turn_round(now->backup);
        }
        memcpy(then->value, now->next, sizeof now->next);
        now->cut = 0;
        if (explore) {
            TanBoard other;
            float out[NUM_OUTPUTS];
            memcpy(other, now->board, sizeof other);
            play_best(other, dice, options->pruning, out, options->explore_choices, s);
            if (memcmp(other, then->board, sizeof other)) {
                now->cut = 1;
                memcpy(then->board, other, sizeof other);
                then->pc = judge((ConstTanBoard) other, then->value);
            }
        }
        n++;
        roll(s, dice);
    }
    return n + 1;
}

/* G(k) = backup(k) + lambda (G(k+1) - value(k+1)), seen from k's side: TD(lambda)'s return
 * (Sutton 1988) from the roll that came. With all rolls the luck of that roll is not in it,
 * as in gnubg's variance reduction (rollout.c). */
static void
targets(const play_options *options, const ply_record *line, int n, float (*target)[NUM_OUTPUTS])
{
    memcpy(target[n - 1], line[n - 1].value, sizeof target[0]);
    for (int k = n - 2; k >= 0; k--) {
        const ply_record *const now = &line[k];
        float change[NUM_OUTPUTS];
        /* The end of the game is known whatever lambda is. */
        float const lambda = now->cut ? 0.0f : options->lambda;
        for (int o = 0; o < NUM_OUTPUTS; o++)
            change[o] = lambda * (target[k + 1][o] - now->next[o]);
        target[k][WIN] = now->backup[WIN] - change[WIN];
        target[k][GAMMON] = now->backup[GAMMON] + change[LOSE_GAMMON];
        target[k][BACKGAMMON] = now->backup[BACKGAMMON] + change[LOSE_BACKGAMMON];
        target[k][LOSE_GAMMON] = now->backup[LOSE_GAMMON] + change[GAMMON];
        target[k][LOSE_BACKGAMMON] = now->backup[LOSE_BACKGAMMON] + change[BACKGAMMON];
    }
}

static size_t
play_game(const play_options *options, uint32_t game, record *records)
{
    static ply_record line[MAX_PLIES];
    static float target[MAX_PLIES][NUM_OUTPUTS];
    stream s = stream_of(options->seed, PURPOSE_PLAY, options->generation, game);
    unsigned int dice[2];
    TanBoard board;

    opening(board);
    opening_roll(&s, dice);
    int const at_random = uniform(&s) < options->random_share && options->random_plies > 0;
    int plies = at_random ? 1 + (int) below(&s, (uint32_t) options->random_plies) : 0;
    for (; plies && class_of((ConstTanBoard) board) >= CLASS_RACE; plies--) {
        play_random(board, dice, &s);
        roll(&s, dice);
    }
    memcpy(line[0].board, board, sizeof board);
    line[0].pc = judge((ConstTanBoard) board, line[0].value);
    int const n = play_on(options, &s, dice, line);
    targets(options, line, n, target);
    size_t made = 0;
    for (int k = 0; k < n - 1; k++, made++) {
        record *const r = &records[made];
        key_of((ConstTanBoard) line[k].board, r->key);
        r->class_number = class_number(line[k].pc);
        r->reserved = 0;
        r->game = game;
        memcpy(r->value, line[k].value, sizeof r->value);
        memcpy(r->target, target[k], sizeof r->target);
    }
    return made;
}

/* Play games first..first+games-1 of a generation; return how many positions were noted,
 * in the order of the games, or `room` where there may not be enough of it. A game's
 * course depends on its number, not on the call. */
EXPORT size_t
engine_play(const play_options *options, uint32_t first, uint32_t games, record *records, size_t room)
{
    size_t made = 0;
    let_play(0);
    for (uint32_t game = first; game < first + games; game++)
        if (room - made <= MAX_PLIES)
            return room;
        else
            made += play_game(options, game, records + made);
    return made;
}

/* ---- duels -------------------------------------------------------------------------------- */

/* The points player 0 wins in one game, known at the bear-off as an expectation. */
static float
duel_game(uint32_t seed, uint32_t game, int first)
{
    stream s = stream_of(seed, PURPOSE_DUEL, 0, game);
    unsigned int dice[2];
    float out[NUM_OUTPUTS];
    TanBoard board;
    int player = first;

    opening(board);
    opening_roll(&s, dice);
    for (;;) {
        let_play(player);
        positionclass const pc = play_best(board, dice, 0, out, 1, NULL);
        player = !player;
        if (pc < CLASS_RACE)
            return player == 0 ? money(out) : -money(out);
        roll(&s, dice);
    }
}

/* Play pairs of games with the same dice, sides changed; `points` has player 0's mean of
 * each pair. */
EXPORT void
engine_duel(uint32_t seed, uint32_t first, uint32_t pairs, float *points)
{
    for (uint32_t pair = 0; pair < pairs; pair++) {
        float const one = duel_game(seed, first + pair, 0);
        points[pair] = 0.5f * (one + duel_game(seed, first + pair, 1));
    }
}

/* ---- rollouts --------------------------------------------------------------------------------- */

/* Roll out positions: the mean (n, 5) of `trials` games of player 0 against itself, each
 * freed of its luck ply by ply, and the standard error (n) of the money equity. `first` is
 * the number of the first position, for its dice. */
EXPORT size_t
engine_rollout(uint32_t seed, uint32_t first, const unsigned char *keys, size_t n, int trials, int pruning, float *means, float *errors)
{
    static ply_record line[MAX_PLIES];
    static float target[MAX_PLIES][NUM_OUTPUTS];
    play_options const options = { .pruning = pruning, .all_rolls = 1, .lambda = 1.0f };

    let_play(0);
    for (size_t i = 0; i < n; i++) {
        double sum[NUM_OUTPUTS] = { 0 }, equities = 0, squares = 0;
        for (int trial = 0; trial < trials; trial++) {
            stream s = stream_of(seed, PURPOSE_ROLLOUT, first + (uint32_t) i, (uint32_t) trial);
            unsigned int dice[2];
            if (!board_of(keys + 10 * i, line[0].board))
                return i;
            line[0].pc = judge((ConstTanBoard) line[0].board, line[0].value);
            roll(&s, dice);
            /* The first roll goes round all 36. */
            dice[0] = (unsigned int) (trial % 36) / 6 + 1;
            dice[1] = (unsigned int) trial % 6 + 1;
            int const plies = play_on(&options, &s, dice, line);
            targets(&options, line, plies, target);
            double const equity = money(target[0]);
            for (int o = 0; o < NUM_OUTPUTS; o++)
                sum[o] += target[0][o];
            equities += equity;
            squares += equity * equity;
        }
        for (int o = 0; o < NUM_OUTPUTS; o++)
            means[NUM_OUTPUTS * i + o] = (float) (sum[o] / trials);
        double const spread = squares - equities * equities / trials;
        errors[i] = trials > 1 ? (float) sqrt(spread > 0 ? spread / trials / (trials - 1) : 0) : 0;
    }
    return n;
}
