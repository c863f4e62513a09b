/* A library that has no operation, and does what BEHAVIOUR says where a look-up comes: HANGS or CRASHES. */
#include "../../../native/iommu_verify.h"

uint32_t iommu_verify_interface(void) { return IOMMU_VERIFY_INTERFACE; }

int32_t iommu_verify_open(const struct iommu_verify_platform *platform, const struct iommu_verify_memory *memory, void **instance)
{
    (void)memory;
    *instance = (void *)&iommu_verify_open;
    return platform->contexts == IOMMU_VERIFY_SOFTWARE ? IOMMU_VERIFY_PLAYS : IOMMU_VERIFY_DOES_NOT_PLAY;
}

void iommu_verify_step(void *instance, const struct iommu_verify_op *op, struct iommu_verify_answer *answer)
{
    (void)instance;
    answer->seen = IOMMU_VERIFY_UNSUPPORTED;
    if (op->kind != IOMMU_VERIFY_LOOKUP)
        return;
#ifdef HANGS
    for (volatile int forever = 1; forever;)
        ;
#else
    *(volatile int *)16 = 1;
#endif
}

void iommu_verify_close(void *instance) { (void)instance; }
