namespace IommuHarness.Coverage;

/// <summary>What VT-d fault reason codes are called, for reports. Source: VT-d, fault reason encodings.</summary>
public static class FaultReasons
{
    /// <summary>The manual's tag and meaning: "LCT.2 context entry not present"; "unknown reason" for a code that none has.</summary>
    public static string Name(byte reason) => reason switch
    {
        0x01 => "LRT.2 root entry not present",
        0x02 => "LCT.2 context entry not present",
        0x03 => "LCT.4 invalid context programming",
        0x04 => "LGN.1 address beyond the input or output width",
        0x05 => "LGN.2 no write permission",
        0x06 => "LGN.3 no read permission",
        0x07 => "LSL.1 next-level paging entry unreadable",
        0x08 => "LRT.1 root table unreadable",
        0x09 => "LCT.1 context table unreadable",
        0x0a => "LRT.3 reserved bits in a root entry",
        0x0b => "LCT.3 reserved bits in a context entry",
        0x0c => "LSL.2 reserved bits in a paging entry",
        0x0d => "LCT.5 request type blocked",
        0x0e => "LGN.4 output in the interrupt window",
        0x70 => "SFL.1 first-stage entry unreadable",
        0x71 => "SFL.2 first-stage entry not present",
        0x72 => "SFL.3 reserved bits in a first-stage entry",
        0x73 => "SFL.4 first-stage top table unreadable",
        0x78 => "SSL.1 second-stage entry unreadable",
        0x79 => "SSL.2 no second-stage permission",
        0x7a => "SSL.3 reserved bits in a second-stage entry",
        0x7b => "SSL.4 second-stage pointer unreadable",
        0x80 => "SGN.1 address not canonical",
        0x81 => "SGN.2 supervisor page, user request",
        0x82 => "SGN.3 execute denied",
        0x83 => "SGN.4 address beyond the hardware maximum",
        0x84 => "SGN.5 second-stage input beyond its width",
        0x85 => "SGN.6 no write permission",
        0x86 => "SGN.7 no read permission",
        0x87 => "SGN.8 output in the interrupt window",
        0x90 => "SFL.9 accessed or dirty update while the walk is not snooped",
        0x91 => "SFL.10 accessed or dirty update failed",
        _ => "unknown reason",
    };
}
