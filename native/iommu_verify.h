/*
 * The plug-in interface of iommu-verify: what a shared library exports so that it can be checked as lib:PATH.
 *
 * A library is opened once for each scenario with the platform that it is to play, and asked one operation after the other. All
 * structures are flat, little-endian and of fixed size; members that an operation does not use are 0. Nothing is called back
 * but memory, and that only by who wants it. The library is used by one thread, one instance at a time. docs/targets.md tells
 * how to begin; native/example is a library that conforms.
 */
#ifndef IOMMU_VERIFY_H
#define IOMMU_VERIFY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. It changes whenever a structure or a meaning does. */
#define IOMMU_VERIFY_INTERFACE 1

/* What is declared about the platform. A library plays it or refuses it; it may rely on nothing else. 24 bytes. */
struct iommu_verify_platform {
    uint8_t format;            /* IOMMU_VERIFY_SECOND_STAGE or IOMMU_VERIFY_FIRST_STAGE */
    uint8_t levels;            /* of a domain's tables: 3 to 5 */
    uint8_t contexts;          /* IOMMU_VERIFY_SOFTWARE, _DIRECT or _VTD_LEGACY */
    uint8_t contract;          /* IOMMU_VERIFY_KERNEL, _VFIO or _IOMMUFD: whose checks, in whose order */
    uint8_t unmap;             /* IOMMU_VERIFY_UNMAP_LEAF, _SPLIT, _WHOLE_MAPPING or _AREA */
    uint8_t physical_bits;     /* 32 to 52 */
    uint8_t iova_bits;         /* 30 to 64 */
    uint8_t widths;            /* VT-d CAP.SAGAW: bit 1 39 bits, bit 2 48, bit 3 57 */
    uint8_t pages_2m;          /* from here on 0 or 1 */
    uint8_t pages_1g;
    uint8_t caching_mode;
    uint8_t widen_write_only;
    uint8_t promote_superpages;
    uint8_t reclaim_tables;
    uint8_t snoop_control;
    uint8_t device_tlb;
    uint8_t pass_through;
    uint8_t fault_compression;
    uint8_t no_execute;
    uint8_t interrupt_window_reserved;
    uint8_t fault_records;     /* 1 to 255 */
    uint8_t reserved[3];
};

enum { IOMMU_VERIFY_SECOND_STAGE = 0, IOMMU_VERIFY_FIRST_STAGE = 1 };
enum { IOMMU_VERIFY_SOFTWARE = 0, IOMMU_VERIFY_DIRECT = 1, IOMMU_VERIFY_VTD_LEGACY = 2 };
enum { IOMMU_VERIFY_KERNEL = 0, IOMMU_VERIFY_VFIO = 1, IOMMU_VERIFY_IOMMUFD = 2 };
enum { IOMMU_VERIFY_UNMAP_LEAF = 0, IOMMU_VERIFY_UNMAP_SPLIT = 1, IOMMU_VERIFY_UNMAP_WHOLE_MAPPING = 2, IOMMU_VERIFY_UNMAP_AREA = 3 };

/*
 * Physical memory of 64-bit words, all 0 at the start of a scenario. Addresses are multiples of 8. For a model of hardware that reads
 * its tables from memory, and does not want to keep that memory itself.
 */
struct iommu_verify_memory {
    void *context;
    uint64_t (*read)(void *context, uint64_t physical);
    void (*write)(void *context, uint64_t physical, uint64_t value);
};

/* The operations, and the members of struct iommu_verify_op that each one uses. */
enum iommu_verify_kind {
    IOMMU_VERIFY_ATTACH = 1,         /* device, domain: the device translates through the domain; one that has another moves */
    IOMMU_VERIFY_ATTACH_IDENTITY,    /* device: physical address = IOVA */
    IOMMU_VERIFY_DETACH,             /* device: every access faults */
    IOMMU_VERIFY_MAP,                /* domain, iova, length, physical, rights */
    IOMMU_VERIFY_UNMAP,              /* domain, iova, length; answers UNMAPPED */
    IOMMU_VERIFY_UNMAP_ALL,          /* domain; answers UNMAPPED */
    IOMMU_VERIFY_LOOKUP,             /* domain, iova: by the tables, not the caches; answers FOUND */
    IOMMU_VERIFY_INVALIDATE,         /* domain, iova, length */
    IOMMU_VERIFY_INVALIDATE_DOMAIN,  /* domain */
    IOMMU_VERIFY_INVALIDATE_ALL,
    IOMMU_VERIFY_FREE,               /* domain: unmapped and invalidated; its number is a new, empty domain */
    IOMMU_VERIFY_READ,               /* device, iova, length; answers MOVED */
    IOMMU_VERIFY_WRITE,              /* the same; it stores nothing, where it lands is what counts */
    IOMMU_VERIFY_POKE,               /* physical, value: software stores a word */
    IOMMU_VERIFY_PEEK,               /* physical: software loads a word; answers WORD */
    IOMMU_VERIFY_PROGRAM,            /* device, physical (of the root table), domain_id */
    IOMMU_VERIFY_UNPROGRAM,          /* device */
    IOMMU_VERIFY_ROOT_TABLE,         /* physical: VT-d RTADDR_REG, then GCMD.SRTP */
    IOMMU_VERIFY_TRANSLATION,        /* flag: VT-d GCMD.TE on or off */
    IOMMU_VERIFY_FLUSH_CONTEXTS,     /* granularity, domain_id, device, number (function mask) */
    IOMMU_VERIFY_FLUSH_IOTLB,        /* granularity, domain_id, iova, number (2^number pages), flag (leaves only) */
    IOMMU_VERIFY_DRAIN_FAULTS,       /* reads and clears the fault records and the overflow flag; answers FAULTS */
    IOMMU_VERIFY_FAIL_NEXT,          /* number: the allocation that fails once, 1 is the next; 0 disarms */
    IOMMU_VERIFY_AUDIT               /* answers HOLDING */
};

enum { IOMMU_VERIFY_RIGHT_READ = 1, IOMMU_VERIFY_RIGHT_WRITE = 2 /* 4 cache, 8 no-execute, 16 mmio, 32 privileged */ };
enum { IOMMU_VERIFY_ALL = 1, IOMMU_VERIFY_OF_DOMAIN = 2, IOMMU_VERIFY_SELECTIVE = 3 };

/* One operation. 48 bytes. Every operation may come at any time, with any argument: nonsense is refused. */
struct iommu_verify_op {
    uint16_t kind;         /* enum iommu_verify_kind */
    uint16_t requester;    /* the device's requester id: bus 15:8, device 7:3, function 2:0 */
    uint8_t device;        /* its number */
    uint8_t domain;        /* its number; any number is a domain that exists, at first an empty one */
    uint8_t rights;        /* IOMMU_VERIFY_RIGHT_… */
    uint8_t granularity;   /* IOMMU_VERIFY_ALL, _OF_DOMAIN or _SELECTIVE */
    uint16_t domain_id;
    uint8_t flag;
    uint8_t reserved;
    int32_t number;
    uint64_t iova;
    uint64_t length;       /* bytes */
    uint64_t physical;
    uint64_t value;
};

/* What an answer is, and the members of struct iommu_verify_answer that it uses. */
enum iommu_verify_seen {
    IOMMU_VERIFY_UNSUPPORTED = 0,    /* the library does not have this operation; it is skipped and counted */
    IOMMU_VERIFY_DONE,
    IOMMU_VERIFY_REFUSED,            /* refusal; nothing has changed */
    IOMMU_VERIFY_UNMAPPED,           /* value: bytes; refusal: why it stopped, or IOMMU_VERIFY_NOT_STOPPED */
    IOMMU_VERIFY_FOUND,              /* value: physical address */
    IOMMU_VERIFY_WORD,               /* value */
    IOMMU_VERIFY_MOVED,              /* count and pieces: one for each 4 KiB page that the access touches, upwards */
    IOMMU_VERIFY_FAULTS,             /* count, records, oldest first, and overflow */
    IOMMU_VERIFY_HOLDING             /* value: bytes mapped; attached; tables in use, roots not counted */
};

enum iommu_verify_refusal {
    IOMMU_VERIFY_EMPTY = 0,          /* a length of 0 */
    IOMMU_VERIFY_WRAPS,              /* the last byte lies beyond 2^64 - 1 */
    IOMMU_VERIFY_MISALIGNED,
    IOMMU_VERIFY_NO_RIGHTS,          /* neither read nor write */
    IOMMU_VERIFY_TOO_WIDE,           /* a physical address beyond the platform's */
    IOMMU_VERIFY_OUT_OF_RANGE,       /* an IOVA outside the input range, an operand beyond its maximum */
    IOMMU_VERIFY_RESERVED,
    IOMMU_VERIFY_OCCUPIED,
    IOMMU_VERIFY_NOT_MAPPED,
    IOMMU_VERIFY_PARTIAL,            /* the range cuts a mapping in two */
    IOMMU_VERIFY_NO_MEMORY,
    IOMMU_VERIFY_BUSY,               /* the domain still has a device */
    IOMMU_VERIFY_NOT_HERE,           /* the platform has no such operation */
    IOMMU_VERIFY_TOO_LONG,
    IOMMU_VERIFY_NOT_STOPPED = 0xffff
};

enum { IOMMU_VERIFY_LANDED = 0, IOMMU_VERIFY_INTERRUPT = 1, IOMMU_VERIFY_FAULTED = 2 };

/* The part of an access that lies in one 4 KiB page. 24 bytes. */
struct iommu_verify_piece {
    uint64_t iova;
    uint64_t physical;     /* where its first byte landed */
    uint32_t length;
    uint8_t outcome;       /* IOMMU_VERIFY_LANDED, _INTERRUPT or _FAULTED */
    uint8_t reason;        /* of a fault: the VT-d fault reason */
    uint8_t reserved[2];
};

/* A fault record: the 128 bits of a VT-d fault recording register. 16 bytes. */
struct iommu_verify_record {
    uint64_t low;
    uint64_t high;
};

enum { IOMMU_VERIFY_MOST_PIECES = 17, IOMMU_VERIFY_MOST_RECORDS = 255 };

/* One answer. All 0 before each operation: UNSUPPORTED. 4112 bytes. */
struct iommu_verify_answer {
    uint16_t seen;         /* enum iommu_verify_seen */
    uint16_t refusal;      /* enum iommu_verify_refusal */
    uint32_t count;        /* of pieces or records */
    uint64_t value;
    uint32_t attached;
    uint32_t tables;
    uint32_t overflow;     /* 0 or 1 */
    uint32_t reserved;
    union {
        struct iommu_verify_piece pieces[IOMMU_VERIFY_MOST_PIECES];
        struct iommu_verify_record records[IOMMU_VERIFY_MOST_RECORDS];
    } of;
};

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct iommu_verify_platform) == 24, "24 bytes");
_Static_assert(sizeof(struct iommu_verify_op) == 48, "48 bytes");
_Static_assert(sizeof(struct iommu_verify_piece) == 24, "24 bytes");
_Static_assert(sizeof(struct iommu_verify_record) == 16, "16 bytes");
_Static_assert(sizeof(struct iommu_verify_answer) == 4112, "4112 bytes");
#endif

/* What iommu_verify_open returns. */
enum {
    IOMMU_VERIFY_PLAYS = 0,              /* memory, where the platform has any, is the library's: POKE and PEEK are asked of it */
    IOMMU_VERIFY_PLAYS_IN_MEMORY = 1,    /* its tables are in the memory that it was given: POKE and PEEK are answered for it */
    IOMMU_VERIFY_DOES_NOT_PLAY = 2       /* not this platform; there is no instance */
};

/* The version that the library was built for: IOMMU_VERIFY_INTERFACE. */
uint32_t iommu_verify_interface(void);

/* The library's own name and version, for reports; one line, UTF-8. May be left out. */
const char *iommu_verify_version(void);

/*
 * Makes an instance in the platform's start state: nothing mapped, no device attached, translation off, no fault recorded.
 * The platform is gone after the call; the memory stays until the instance is closed.
 */
int32_t iommu_verify_open(const struct iommu_verify_platform *platform, const struct iommu_verify_memory *memory, void **instance);

/* Answers one operation. */
void iommu_verify_step(void *instance, const struct iommu_verify_op *op, struct iommu_verify_answer *answer);

/* Ends an instance. */
void iommu_verify_close(void *instance);

#ifdef __cplusplus
}
#endif
#endif
