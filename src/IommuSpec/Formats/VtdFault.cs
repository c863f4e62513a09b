namespace IommuSpec.Formats;

/// <summary>VT-d fault reason codes, with the mnemonics of the VT-d specification.
/// Source: VT-d fault reason encodings (7.1.3, 7.2.1); VirtualBox include/VBox/iommu-intel.h; QEMU intel_iommu_internal.h.</summary>
public static class VtdFault
{
    /// <summary>LRT.2: root entry not present.</summary>
    public const byte RootNotPresent = 0x01;

    /// <summary>LCT.2: context entry not present.</summary>
    public const byte ContextNotPresent = 0x02;

    /// <summary>LCT.4: invalid programming of a context entry (address width, translation type, a root table that cannot be read).</summary>
    public const byte ContextInvalid = 0x03;

    /// <summary>LGN.1: address beyond the input width.</summary>
    public const byte BeyondWidth = 0x04;

    /// <summary>LGN.2: no write permission.</summary>
    public const byte NoWrite = 0x05;

    /// <summary>LGN.3: no read permission.</summary>
    public const byte NoRead = 0x06;

    /// <summary>LSL.1: a second-stage entry could not be read.</summary>
    public const byte EntryUnreadable = 0x07;

    /// <summary>LRT.1: the root entry could not be read.</summary>
    public const byte RootUnreadable = 0x08;

    /// <summary>LCT.1: the context entry could not be read.</summary>
    public const byte ContextUnreadable = 0x09;

    /// <summary>LRT.3: reserved bits set in a root entry.</summary>
    public const byte RootReserved = 0x0a;

    /// <summary>LCT.3: reserved bits set in a context entry.</summary>
    public const byte ContextReserved = 0x0b;

    /// <summary>LSL.2: reserved bits set in a second-stage entry.</summary>
    public const byte SecondStageReserved = 0x0c;

    /// <summary>LGN.4: the translated address lies in the interrupt window.</summary>
    public const byte IntoInterruptWindow = 0x0e;

    /// <summary>SFL.1: a first-stage entry could not be read.</summary>
    public const byte FirstStageUnreadable = 0x70;

    /// <summary>SFL.2: first-stage entry not present.</summary>
    public const byte FirstStageNotPresent = 0x71;

    /// <summary>SFL.3: reserved bits set in a first-stage entry.</summary>
    public const byte FirstStageReserved = 0x72;

    /// <summary>SFL.4: the first-stage root table could not be read.</summary>
    public const byte FirstStageRootUnreadable = 0x73;

    /// <summary>SGN.1: address not canonical.</summary>
    public const byte NotCanonical = 0x80;

    /// <summary>SGN.2: a user request meets a supervisor entry.</summary>
    public const byte NotUser = 0x81;

    /// <summary>SGN.4: address beyond the hardware's maximum.</summary>
    public const byte BeyondHardware = 0x83;

    /// <summary>SGN.6: no write permission in the first stage.</summary>
    public const byte FirstStageNoWrite = 0x85;

    /// <summary>SGN.8: the translated address lies in the interrupt window.</summary>
    public const byte FirstStageIntoInterruptWindow = 0x87;

    /// <summary>
    /// Whether a context entry's FPD bit keeps a fault of this reason from being recorded. Source: QEMU's table of qualified
    /// faults; reserved bits in the context entry (0x0b) are not in it, VirtualBox differs there, and the manual's own word is unverified.
    /// </summary>
    public static bool IsQualified(byte reason) => reason is
        ContextNotPresent or ContextInvalid or BeyondWidth or NoWrite or NoRead or EntryUnreadable or SecondStageReserved or IntoInterruptWindow;
}
