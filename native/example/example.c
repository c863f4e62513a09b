/*
 * An IOMMU of a few hundred lines, as an example of a library that iommu-verify checks: VT-d second-stage tables of 3 to 5
 * levels and an IOTLB, in two forms.
 *
 * - contexts=software: map, unmap and look-up as Linux's iommu_map and iommu_unmap have them, the tables in memory of its own.
 * - contexts=direct: a model of hardware whose tables are words of the memory that it is given.
 *
 * Other platforms are not played, and allocation failures, fault records and audits are not supported. Written from the VT-d
 * specification (sections 3.7, 6, 7.1.3, 9.8) and docs/rules.md. Three mistakes of real implementations can be compiled in; see
 * the Makefile.
 */
#include "../iommu_verify.h"

#include <stdlib.h>
#include <string.h>

#define GRANULE 0x1000ull
#define READ 1ull
#define WRITE 2ull
#define PS 0x80ull

enum { DEVICES = 256, DOMAINS = 256, SLOTS = 64 };
enum { NOT_PRESENT_CONTEXT = 0x02, BEYOND_WIDTH = 0x04, NO_WRITE = 0x05, NO_READ = 0x06, RESERVED_BITS = 0x0c, INTO_WINDOW = 0x0e };
enum { DETACHED = 0, IDENTITY, THROUGH_TABLES };

/* What a device uses: a domain, or at the hardware level a root table under a domain id. */
struct context {
    int kind;
    uint32_t id; /* of the domain, or domain id: the tag of what is cached */
    uint64_t root;
};

/* A leaf that was used: where its page is, of which size, and what all levels together permit. */
struct cached {
    int valid;
    uint32_t id;
    uint64_t iova;
    uint64_t physical;
    uint64_t size;
    uint64_t rights;
};

struct iommu {
    struct iommu_verify_platform platform;
    struct iommu_verify_memory memory;
    struct context contexts[DEVICES];
    struct cached iotlb[SLOTS];
    uint64_t roots[DOMAINS]; /* software: tables by number, from 1, as addresses in granules; 0 is none */
    uint64_t **tables;
    uint64_t table_count;
};

/* What a walk finds: a fault, or a leaf. */
struct walked {
    int reason;
    uint64_t page;
    uint64_t size;
    uint64_t rights;
};

static uint64_t mask(int bits) { return bits >= 64 ? ~0ull : (1ull << bits) - 1; }

static uint64_t span(int level) { return 1ull << (12 + 9 * level); }

static uint64_t width(const struct iommu *u)
{
    int bits = 12 + 9 * u->platform.levels;
    return mask(bits < u->platform.iova_bits ? bits : u->platform.iova_bits);
}

/* Whether the last byte lies beyond 2^64 - 1. A range that ends there exactly does not wrap. */
static int wraps(uint64_t first, uint64_t length)
{
#ifdef BUG_LAST_BYTE
    return first + length < first;
#else
    return first + (length - 1) < first;
#endif
}

static int in_interrupt_window(uint64_t address) { return address >= 0xfee00000ull && address <= 0xfeefffffull; }

/* ---- tables */

static uint64_t *word_of(const struct iommu *u, uint64_t address) { return &u->tables[address / GRANULE][address % GRANULE / 8]; }

static uint64_t load(const struct iommu *u, uint64_t address)
{
    return u->platform.contexts == IOMMU_VERIFY_SOFTWARE ? *word_of(u, address) : u->memory.read(u->memory.context, address);
}

static uint64_t new_table(struct iommu *u)
{
    u->tables = realloc(u->tables, (u->table_count + 1) * sizeof *u->tables);
    u->tables[u->table_count] = calloc(512, 8);
    return u->table_count++ * GRANULE;
}

static uint64_t entry_address(uint64_t table, int level, uint64_t iova) { return table + 8 * (iova / span(level) % 512); }

static int has_leaves(const struct iommu *u, int level)
{
    return level == 0 || (level == 1 && u->platform.pages_2m) || (level == 2 && u->platform.pages_1g);
}

static int is_leaf(int level, uint64_t entry) { return level == 0 || (level <= 2 && (entry & PS) != 0); }

static uint64_t address_field(const struct iommu *u, uint64_t entry) { return entry & mask(u->platform.physical_bits) & ~(GRANULE - 1); }

/* Bits that must be 0: VT-d 9.8. */
static uint64_t reserved_bits(const struct iommu *u, int level, uint64_t entry)
{
    uint64_t bits = mask(52) & ~mask(u->platform.physical_bits);
    if (!is_leaf(level, entry))
        return bits | 1ull << 62 | 1ull << 11 | (level >= 3 ? PS : 0);
    if (!u->platform.snoop_control)
        bits |= 1ull << 11;
    if (!u->platform.device_tlb)
        bits |= 1ull << 62;
    if (level > 0)
        bits |= ((span(level) - 1) & ~(GRANULE - 1)) | (has_leaves(u, level) ? 0 : PS);
    return bits;
}

/* Walks for a right: each level must grant it, then its reserved bits must be 0, then it is used. */
static struct walked walk(const struct iommu *u, uint64_t root, uint64_t iova, uint64_t right)
{
    struct walked found = { 0, 0, 0, READ | WRITE };
    uint64_t table = root;
    for (int level = u->platform.levels - 1;; level--) {
        uint64_t entry = load(u, entry_address(table, level, iova));
        int leaf = is_leaf(level, entry);
#ifdef BUG_LARGE_PAGE_RIGHTS
        /* What the levels grant is collected on the way down, and looked at in the leaf. */
        found.rights = leaf && level > 0 ? entry : found.rights & entry;
        uint64_t denied = leaf ? !(found.rights & right) : !(entry & (READ | WRITE));
#else
        found.rights &= entry;
        uint64_t denied = !(entry & right);
#endif
        if (denied) {
            found.reason = right == WRITE ? NO_WRITE : NO_READ;
            return found;
        }
        if (entry & reserved_bits(u, level, entry)) {
            found.reason = RESERVED_BITS;
            return found;
        }
        if (leaf) {
            found.size = span(level);
            found.page = address_field(u, entry) & ~(found.size - 1);
            found.rights &= READ | WRITE;
            return found;
        }
        table = address_field(u, entry);
    }
}

/* The leaf entry over an address in a domain's tables, and its size; null where there is none. */
static uint64_t *find_leaf(const struct iommu *u, int domain, uint64_t iova, uint64_t *size)
{
    uint64_t table = u->roots[domain];
    if (table == 0 || iova > width(u))
        return NULL;
    for (int level = u->platform.levels - 1;; level--) {
        uint64_t *entry = word_of(u, entry_address(table, level, iova));
        if (*entry == 0)
            return NULL;
        if (is_leaf(level, *entry)) {
            *size = span(level);
            return entry;
        }
        table = address_field(u, *entry);
    }
}

/* Whether anything is mapped from first to last, in the part of a table that they lie in. */
static int occupied(const struct iommu *u, uint64_t table, int level, uint64_t first, uint64_t last)
{
    for (uint64_t at = first;; at = (at | (span(level) - 1)) + 1) {
        uint64_t end = at | (span(level) - 1);
        uint64_t entry = *word_of(u, entry_address(table, level, at));
        if (entry != 0 && (is_leaf(level, entry) || occupied(u, address_field(u, entry), level - 1, at, end < last ? end : last)))
            return 1;
        if (end >= last)
            return 0;
    }
}

/* Maps from first to last with the largest pages that fit. */
static void fill(struct iommu *u, uint64_t table, int level, uint64_t first, uint64_t last, uint64_t physical, uint64_t rights)
{
    for (uint64_t at = first;; at = (at | (span(level) - 1)) + 1) {
        uint64_t end = at | (span(level) - 1);
        uint64_t here = physical + (at - first);
        uint64_t address = entry_address(table, level, at);
        if (has_leaves(u, level) && ((at | here) & (span(level) - 1)) == 0 && end <= last) {
            *word_of(u, address) = here | rights | (level > 0 ? PS : 0);
        } else {
            /* A new table moves the array of tables, so the entry is found again. */
            uint64_t below = *word_of(u, address) ? address_field(u, *word_of(u, address)) : new_table(u);
            *word_of(u, address) = below | READ | WRITE;
            fill(u, below, level - 1, at, end < last ? end : last, here, rights);
        }
        if (end >= last)
            return;
    }
}

/* ---- the IOTLB */

static struct cached *slot_of(struct iommu *u, uint32_t id, uint64_t iova) { return &u->iotlb[(iova / GRANULE + id) % SLOTS]; }

/* Forgets every leaf of an id that lies, even in part, between two addresses. */
static void forget(struct iommu *u, uint32_t id, uint64_t first, uint64_t last)
{
    for (int i = 0; i < SLOTS; i++) {
        struct cached *c = &u->iotlb[i];
#ifdef BUG_STALE_SUPERPAGE
        int covered = first <= c->iova && c->iova + (c->size - 1) <= last;
#else
        int covered = c->iova <= last && c->iova + (c->size - 1) >= first;
#endif
        if (c->id == id && covered)
            c->valid = 0;
    }
}

static struct walked translate(struct iommu *u, const struct context *context, uint64_t iova, uint64_t right)
{
    struct cached *c = slot_of(u, context->id, iova);
    if (c->valid && c->id == context->id && iova - c->iova < c->size && (c->rights & right)) {
        struct walked hit = { 0, c->physical, c->size, c->rights };
        return hit;
    }
    struct walked found = { right == WRITE ? NO_WRITE : NO_READ, 0, 0, 0 };
    if (iova > width(u)) {
        found.reason = BEYOND_WIDTH;
        return found;
    }
    uint64_t root = u->platform.contexts == IOMMU_VERIFY_SOFTWARE ? u->roots[context->id] : context->root;
    if (root != 0 || u->platform.contexts != IOMMU_VERIFY_SOFTWARE)
        found = walk(u, root, iova, right);
    if (found.reason == 0) {
        struct cached leaf = { 1, context->id, iova & ~(found.size - 1), found.page, found.size, found.rights };
        *c = leaf;
    }
    return found;
}

/* ---- operations */

static void done(struct iommu_verify_answer *a) { a->seen = IOMMU_VERIFY_DONE; }

static void refuse(struct iommu_verify_answer *a, int why)
{
    a->seen = IOMMU_VERIFY_REFUSED;
    a->refusal = (uint16_t)why;
}

static void unmapped(struct iommu_verify_answer *a, uint64_t bytes)
{
    a->seen = IOMMU_VERIFY_UNMAPPED;
    a->refusal = IOMMU_VERIFY_NOT_STOPPED;
    a->value = bytes;
}

/* The checks of Linux's map, in its order: rules MAP-3 and MAP-6. */
static void map(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    uint64_t top = mask(u->platform.physical_bits);
    uint64_t last = op->iova + (op->length - 1);
    uint64_t rights = op->rights & (READ | WRITE);
    if (rights == 0)
        return refuse(a, IOMMU_VERIFY_NO_RIGHTS);
    if (op->physical > top)
        return refuse(a, IOMMU_VERIFY_TOO_WIDE);
    if (op->length == 0)
        return refuse(a, IOMMU_VERIFY_EMPTY);
    if (wraps(op->iova, op->length))
        return refuse(a, IOMMU_VERIFY_WRAPS);
    if ((op->iova | op->physical | op->length) % GRANULE)
        return refuse(a, IOMMU_VERIFY_MISALIGNED);
    if (op->length - 1 > top - op->physical)
        return refuse(a, IOMMU_VERIFY_TOO_WIDE);
    if (op->iova > width(u) || last > width(u))
        return refuse(a, IOMMU_VERIFY_OUT_OF_RANGE);
    if (u->roots[op->domain] == 0)
        u->roots[op->domain] = new_table(u);
    if (occupied(u, u->roots[op->domain], u->platform.levels - 1, op->iova, last))
        return refuse(a, IOMMU_VERIFY_OCCUPIED);
    if (u->platform.widen_write_only && (rights & WRITE))
        rights |= READ;
    fill(u, u->roots[op->domain], u->platform.levels - 1, op->iova, last, op->physical, rights);
    done(a);
}

/* Why a range cannot be unmapped or invalidated; -1 where it can. */
static int bad_range(uint64_t iova, uint64_t length)
{
    return length == 0 ? IOMMU_VERIFY_EMPTY : wraps(iova, length) ? IOMMU_VERIFY_WRAPS : (iova | length) % GRANULE ? IOMMU_VERIFY_MISALIGNED : -1;
}

/* Whole leaves, up to the first hole or the first leaf that is cut at its start: rule MAP-8. */
static uint64_t remove_leaves(struct iommu *u, int domain, uint64_t first, uint64_t last)
{
    uint64_t bytes = 0;
    for (uint64_t at = first;;) {
        uint64_t size;
        uint64_t *leaf = find_leaf(u, domain, at, &size);
        if (leaf == NULL || at % size != 0)
            return bytes;
        *leaf = 0;
        bytes += size;
        if (at + (size - 1) >= last)
            return bytes;
        at += size;
    }
}

/* Everything below a table; the bytes that were mapped. */
static uint64_t empty_table(struct iommu *u, uint64_t table, int level)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t *entry = word_of(u, table + 8 * i);
        if (*entry != 0)
            bytes += is_leaf(level, *entry) ? span(level) : empty_table(u, address_field(u, *entry), level - 1);
        *entry = 0;
    }
    return bytes;
}

static uint64_t empty_domain(struct iommu *u, int domain)
{
    return u->roots[domain] ? empty_table(u, u->roots[domain], u->platform.levels - 1) : 0;
}

static int has_device(const struct iommu *u, int domain)
{
    for (int i = 0; i < DEVICES; i++)
        if (u->contexts[i].kind == THROUGH_TABLES && u->contexts[i].id == (uint32_t)domain)
            return 1;
    return 0;
}

/* One piece, which lies in one granule. */
static void move(struct iommu *u, const struct context *context, struct iommu_verify_piece *piece, uint64_t right)
{
    piece->outcome = IOMMU_VERIFY_FAULTED;
    if (right == WRITE && in_interrupt_window(piece->iova)) {
        piece->outcome = IOMMU_VERIFY_INTERRUPT;
        return;
    }
    uint64_t physical = piece->iova;
    if (context->kind == DETACHED) {
        piece->reason = NOT_PRESENT_CONTEXT;
        return;
    }
    if (context->kind == IDENTITY) {
        piece->reason = physical > mask(u->platform.physical_bits) ? BEYOND_WIDTH : 0;
    } else {
        struct walked found = translate(u, context, piece->iova, right);
        piece->reason = (uint8_t)found.reason;
        physical = found.page | (piece->iova & (found.size - 1));
    }
    if (piece->reason == 0 && in_interrupt_window(physical))
        piece->reason = INTO_WINDOW;
    if (piece->reason == 0) {
        piece->outcome = IOMMU_VERIFY_LANDED;
        piece->physical = physical;
    }
}

static void access_memory(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    if (op->length == 0)
        return refuse(a, IOMMU_VERIFY_EMPTY);
    if (wraps(op->iova, op->length))
        return refuse(a, IOMMU_VERIFY_WRAPS);
    if (op->length > 0x10000)
        return refuse(a, IOMMU_VERIFY_TOO_LONG);
    a->seen = IOMMU_VERIFY_MOVED;
    uint64_t left = op->length;
    for (uint64_t at = op->iova; left > 0;) {
        struct iommu_verify_piece *piece = &a->of.pieces[a->count++];
        uint64_t room = GRANULE - at % GRANULE;
        piece->iova = at;
        piece->length = (uint32_t)(left < room ? left : room);
        move(u, &u->contexts[op->device], piece, op->kind == IOMMU_VERIFY_WRITE ? WRITE : READ);
        at += piece->length;
        left -= piece->length;
    }
}

static void program(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    struct context context = { THROUGH_TABLES, op->domain_id, op->physical };
    if (op->physical % GRANULE)
        return refuse(a, IOMMU_VERIFY_MISALIGNED);
    if (op->physical > mask(u->platform.physical_bits))
        return refuse(a, IOMMU_VERIFY_TOO_WIDE);
    u->contexts[op->device] = context;
    done(a);
}

static void flush_iotlb(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    uint64_t first = 0, last = ~0ull;
    if (op->granularity == IOMMU_VERIFY_SELECTIVE) {
        if (op->number < 0 || op->number > 18)
            return refuse(a, IOMMU_VERIFY_OUT_OF_RANGE);
        first = op->iova & ~((GRANULE << op->number) - 1);
        last = first + ((GRANULE << op->number) - 1);
    }
    if (op->granularity == IOMMU_VERIFY_ALL)
        memset(u->iotlb, 0, sizeof u->iotlb);
    else
        forget(u, op->domain_id, first, last);
    done(a);
}

static void step_hardware(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    switch (op->kind) {
    case IOMMU_VERIFY_PROGRAM:
        return program(u, op, a);
    case IOMMU_VERIFY_UNPROGRAM:
        u->contexts[op->device].kind = DETACHED;
        return done(a);
    case IOMMU_VERIFY_FLUSH_IOTLB:
        return flush_iotlb(u, op, a);
    default:
        return; /* unsupported */
    }
}

static void attach(struct iommu *u, const struct iommu_verify_op *op, int kind, struct iommu_verify_answer *a)
{
    struct context context = { kind, op->domain, 0 };
    u->contexts[op->device] = context;
    done(a);
}

static void step_range(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    int why = bad_range(op->iova, op->length);
    uint64_t last = op->iova + (op->length - 1);
    if (why >= 0)
        return refuse(a, why);
    if (op->kind == IOMMU_VERIFY_INVALIDATE) {
        forget(u, op->domain, op->iova, last);
        return done(a);
    }
    uint64_t bytes = remove_leaves(u, op->domain, op->iova, last);
    return bytes == 0 ? refuse(a, IOMMU_VERIFY_NOT_MAPPED) : unmapped(a, bytes);
}

static void lookup(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    uint64_t size;
    uint64_t *leaf = find_leaf(u, op->domain, op->iova, &size);
    if (leaf == NULL)
        return refuse(a, IOMMU_VERIFY_NOT_MAPPED);
    a->seen = IOMMU_VERIFY_FOUND;
    a->value = (address_field(u, *leaf) & ~(size - 1)) | (op->iova & (size - 1));
}

static void step_software(struct iommu *u, const struct iommu_verify_op *op, struct iommu_verify_answer *a)
{
    switch (op->kind) {
    case IOMMU_VERIFY_ATTACH:
        return attach(u, op, THROUGH_TABLES, a);
    case IOMMU_VERIFY_ATTACH_IDENTITY:
        return attach(u, op, IDENTITY, a);
    case IOMMU_VERIFY_DETACH:
        return attach(u, op, DETACHED, a);
    case IOMMU_VERIFY_MAP:
        return map(u, op, a);
    case IOMMU_VERIFY_UNMAP:
    case IOMMU_VERIFY_INVALIDATE:
        return step_range(u, op, a);
    case IOMMU_VERIFY_UNMAP_ALL:
        return unmapped(a, empty_domain(u, op->domain));
    case IOMMU_VERIFY_LOOKUP:
        return lookup(u, op, a);
    case IOMMU_VERIFY_INVALIDATE_DOMAIN:
        forget(u, op->domain, 0, ~0ull);
        return done(a);
    case IOMMU_VERIFY_INVALIDATE_ALL:
        memset(u->iotlb, 0, sizeof u->iotlb);
        return done(a);
    case IOMMU_VERIFY_FREE:
        if (has_device(u, op->domain))
            return refuse(a, IOMMU_VERIFY_BUSY);
        empty_domain(u, op->domain);
        forget(u, op->domain, 0, ~0ull);
        return done(a);
    default:
        return; /* unsupported */
    }
}

/* ---- the interface */

uint32_t iommu_verify_interface(void) { return IOMMU_VERIFY_INTERFACE; }

const char *iommu_verify_version(void) { return "example 1.0"; }

int32_t iommu_verify_open(const struct iommu_verify_platform *p, const struct iommu_verify_memory *memory, void **instance)
{
    int software = p->contexts == IOMMU_VERIFY_SOFTWARE && p->contract == IOMMU_VERIFY_KERNEL && p->unmap == IOMMU_VERIFY_UNMAP_LEAF;
    if (p->format != IOMMU_VERIFY_SECOND_STAGE || !(software || p->contexts == IOMMU_VERIFY_DIRECT))
        return IOMMU_VERIFY_DOES_NOT_PLAY;
    struct iommu *u = calloc(1, sizeof *u);
    u->platform = *p;
    u->memory = *memory;
    new_table(u); /* number 0, which stands for none */
    *instance = u;
    return software ? IOMMU_VERIFY_PLAYS : IOMMU_VERIFY_PLAYS_IN_MEMORY;
}

void iommu_verify_step(void *instance, const struct iommu_verify_op *op, struct iommu_verify_answer *answer)
{
    struct iommu *u = instance;
    if (op->kind == IOMMU_VERIFY_READ || op->kind == IOMMU_VERIFY_WRITE)
        access_memory(u, op, answer);
    else if (u->platform.contexts == IOMMU_VERIFY_SOFTWARE)
        step_software(u, op, answer);
    else
        step_hardware(u, op, answer);
}

void iommu_verify_close(void *instance)
{
    struct iommu *u = instance;
    for (uint64_t i = 0; i < u->table_count; i++)
        free(u->tables[i]);
    free(u->tables);
    free(u);
}
