using IommuSpec;

namespace IommuHarness.Generate;

/// <summary>What a scenario says where tables change through map and unmap.</summary>
internal sealed class SoftwarePhrases(Draft draft)
{
    private const ulong Granule = Platform.Granule;
    private const int Nowhere = -1;
    private const int Identity = -2;

    /// <summary>A map of more leaves than this costs more time than it is worth.</summary>
    private const ulong MostLeaves = 1056;

    private readonly Extents live = new();
    private readonly Extents gone = new();
    private readonly int[] home = new int[3];

    private Choices Choices => draft.Choices;

    internal void Begin()
    {
        live.Clear();
        gone.Clear();
        home.AsSpan().Fill(Nowhere);
    }

    internal void Say(Phrase phrase)
    {
        switch (phrase)
        {
            case Phrase.Build: Build(); break;
            case Phrase.Reuse: Reuse(); break;
            case Phrase.Change: Change(); break;
            case Phrase.Shape: Shape(); break;
            case Phrase.Probe: Probe(); break;
            case Phrase.Faults: Faults(); break;
            case Phrase.Injection: Inject(); break;
            case Phrase.Ask: Ask(); break;
            case Phrase.Move: Move(); break;
            default: Wild.Say(draft); break;
        }
    }

    // ---- phrases

    private void Build()
    {
        int domain = draft.AnyDomain();
        if (!Choices.OneIn(8))
            DeviceOf(domain);
        ulong length = PickLength();
        ulong first = draft.AnyBase() + Choices.Bits(3) * Granule;
        for (int tries = 0; tries < 3 && !IsFree(domain, first, length); tries++)
            first = unchecked(draft.AnyBase() + Choices.Bits(4 + 3 * tries) * Granule);
        Map(domain, first, length, PhysicalFor(first, length), PickRights());
    }

    /// <summary>Maps next to, across or inside something that is or was there.</summary>
    private void Reuse()
    {
        if (live.Count + gone.Count == 0)
        {
            Build();
            return;
        }

        Extent old = gone.Count > 0 && (live.Count == 0 || Choices.OneIn(2)) ? Any(gone) : Any(live);
        int domain = Choices.OneIn(6) ? draft.AnyDomain() : old.Domain;
        ulong length = Choices.OneIn(2) ? old.Length : PickLength();
        ulong first = unchecked(Choices.Below(6) switch
        {
            0 or 1 => old.First,
            2 => old.End,
            3 => old.First - length,
            4 => old.First - Granule,
            _ => old.End - Granule,
        });
        ulong physical = Choices.OneIn(2) ? unchecked(old.Physical + (first - old.First)) : PhysicalFor(first, length);
        Map(domain, first, length, physical, Choices.OneIn(2) ? old.Rights : PickRights());
    }

    /// <summary>Warm, change, invalidate or not, probe.</summary>
    private void Change()
    {
        if (live.Count == 0)
            Build();
        if (live.Count == 0)
            return;
        int index = Choices.Below(live.Count);
        Extent extent = live[index];
        int device = DeviceOf(extent.Domain);
        ulong at = Inside(extent);
        for (int i = Choices.Below(3); i >= 0; i--)
            draft.Access(i == 0 ? device : Sharer(extent.Domain, device), KindFor(extent), i == 2 ? Inside(extent) : at, SmallLength());
        Disturb(extent, device);
        if (Choices.Percent(65))
            Invalidate(extent);
        for (int i = Choices.Below(3); i >= 0; i--)
            draft.Access(i == 2 ? draft.AnyDevice() : device, KindFor(extent), i == 1 ? Beside(extent) : at, SmallLength());
        if (Choices.OneIn(6))
        {
            Invalidate(extent);
            draft.Access(device, KindFor(extent), at, SmallLength());
        }
    }

    /// <summary>Large pages: made, cut, filled from small ones, replaced.</summary>
    private void Shape()
    {
        int domain = draft.AnyDomain();
        int device = DeviceOf(domain);
        int sizeLg2 = Choices.OneIn(4) ? 30 : 21;
        ulong size = 1UL << sizeLg2;
        ulong first = draft.AnyBase() & ~(size - 1);
        ulong physical = AlignedPhysical(size);
        switch (Choices.Below(4))
        {
            case 0: // two halves that make one large page
                ulong half = Choices.OneIn(2) ? size / 2 : Granule;
                Map(domain, first, half, physical, Rights.Read | Rights.Write);
                Map(domain, first + half, size - half, physical + half, Choices.OneIn(2) ? Rights.Read : Rights.Read | Rights.Write);
                break;
            case 1: // small, gone, then large in the emptied table's place
                Map(domain, first, Granule, physical, Rights.Read | Rights.Write);
                draft.Access(device, AccessKind.Read, first, 8);
                Unmap(domain, first, Granule);
                if (Choices.OneIn(2))
                    draft.Add(new Op.Invalidate(draft.DomainSlot(domain), first, Granule));
                Map(domain, first, size, AlignedPhysical(size), Rights.Read | Rights.Write);
                break;
            case 2: // large, with neighbours on both sides
                Map(domain, first, size, physical, Rights.Read | Rights.Write);
                Map(domain, unchecked(first - Granule), Granule, PhysicalFor(first, Granule), Rights.Read);
                Map(domain, unchecked(first + size), Granule, PhysicalFor(first, Granule), Rights.Write);
                break;
            default:
                Map(domain, first, size, physical, Rights.Read | Rights.Write);
                break;
        }

        // Where a large page covers the interrupt window without beginning in it, a random offset would hardly ever meet it.
        ulong window = unchecked(Places.InterruptFirst - physical);
        ulong offset = window < size ? window + Choices.Bits(20) : Choices.Bits(sizeLg2);
        draft.Access(device, draft.AnyKind(), first + offset, 8);
        Cut(domain, first, size);
        ProbeEdges(device, first, size);
    }

    private void Probe()
    {
        if (live.Count == 0 && !Choices.OneIn(8))
            Build();
        if (Choices.OneIn(20))
            draft.AccessInterruptWindow(draft.AnyDevice());
        for (int i = Choices.Below(4); i >= 0; i--)
        {
            Extents from = gone.Count > 0 && Choices.OneIn(6) ? gone : live;
            if (from.Count == 0 || Choices.OneIn(16))
            {
                draft.Access(draft.AnyDevice(), draft.AnyKind(), draft.AnyAddress(), Places.AccessLength(Choices));
                continue;
            }

            Extent extent = Any(from);
            int device = Choices.OneIn(8) ? draft.AnyDevice() : DeviceOf(extent.Domain);
            ulong at = Choices.OneIn(6) ? Beside(extent) : Inside(extent);
            draft.Access(device, Choices.OneIn(8) ? draft.AnyKind() : KindFor(extent), at, Places.AccessLength(Choices));
        }
    }

    /// <summary>Faults of one or several devices, as many as the log holds or more, and the log read before, between or after.</summary>
    private void Faults()
    {
        int count = Choices.Between(1, Math.Min(draft.Platform.FaultRecordCount + 2, 6));
        int device = draft.AnyDevice();
        for (int i = 0; i < count; i++)
        {
            if (Choices.OneIn(3))
                device = draft.AnyDevice();
            ulong at = draft.AnyAddress();
            draft.Access(device, draft.AnyKind(), at, Choices.OneIn(6) ? Platform.LongestAccess : SmallLength());
            if (Choices.OneIn(8))
                draft.Add(Fixed.DrainFaults);
        }

        if (!Choices.OneIn(4))
            draft.Add(Fixed.DrainFaults);
    }

    private void Inject()
    {
        draft.Add(new Op.FailNext(Choices.OneIn(6) ? Choices.Below(9) : Choices.Between(1, 4)));
        int before = draft.Count;
        int believed = live.Count;
        Build();
        if (Choices.OneIn(3))
            draft.Add(Fixed.Audit);
        if (live.Count == 0 || live.Count == believed || draft.Count == before)
            return;
        Extent failed = live[live.Count - 1];
        if (Choices.OneIn(2))
            draft.Access(DeviceOf(failed.Domain), AccessKind.Read, Inside(failed), SmallLength());
        if (Choices.OneIn(2))
            Map(failed.Domain, failed.First, failed.Length, failed.Physical, failed.Rights);
        draft.Access(DeviceOf(failed.Domain), KindFor(failed), Inside(failed), SmallLength());
    }

    private void Ask()
    {
        switch (Choices.Below(8))
        {
            case < 4 when live.Count > 0:
                Extent extent = Any(live);
                draft.Add(new Op.Lookup(draft.DomainSlot(extent.Domain), Choices.OneIn(3) ? Beside(extent) : Inside(extent)));
                break;
            case < 5:
                draft.Add(new Op.Lookup(draft.DomainSlot(draft.AnyDomain()), draft.AnyAddress()));
                break;
            case 5:
                int domain = draft.AnyDomain();
                UnmapAll(domain);
                if (Choices.OneIn(2))
                    draft.Add(new Op.InvalidateDomain(draft.DomainSlot(domain)));
                draft.Add(Fixed.Audit);
                break;
            default:
                draft.Add(Fixed.Audit);
                break;
        }
    }

    private void Move()
    {
        int device = draft.AnyDevice();
        switch (Choices.Below(8))
        {
            case < 4:
                Attach(device, draft.AnyDomain());
                break;
            case 4:
                AttachIdentity(device);
                break;
            case 5:
                Detach(device);
                break;
            default:
                FreeDomain(draft.AnyDomain());
                break;
        }

        ulong at = live.Count > 0 ? Inside(Any(live)) : draft.AnyAddress();
        if (!Choices.OneIn(3))
            draft.Access(device, draft.AnyKind(), at, SmallLength());
    }

    // ---- the change of warm, change, invalidate, probe

    private void Disturb(Extent extent, int device)
    {
        switch (Choices.Below(24))
        {
            case < 9:
                Unmap(extent.Domain, extent.First, extent.Length);
                break;
            case < 14:
                Unmap(extent.Domain, extent.First, extent.Length);
                if (Choices.OneIn(3))
                    Invalidate(extent);
                ulong elsewhere = Choices.OneIn(4) ? extent.Physical : PhysicalFor(extent.First, extent.Length);
                Map(extent.Domain, extent.First, extent.Length, elsewhere, Choices.OneIn(2) ? extent.Rights : PickRights());
                break;
            case < 17:
                Cut(extent.Domain, extent.First, extent.Length);
                break;
            case 17:
                UnmapAll(extent.Domain);
                break;
            case 18:
                Detach(device);
                break;
            case 19:
                Attach(device, draft.AnyDomain());
                break;
            case 20:
                AttachIdentity(device);
                break;
            case 21:
                Detach(device);
                FreeDomain(extent.Domain);
                Attach(device, extent.Domain);
                break;
            case 22:
                Map(extent.Domain, extent.First, extent.Length, PhysicalFor(extent.First, extent.Length), PickRights());
                break;
            default:
                Reuse();
                break;
        }
    }

    /// <summary>Unmaps what does not fit: the start, the end, the middle, or more than there is.</summary>
    private void Cut(int domain, ulong first, ulong length)
    {
        unchecked
        {
            ulong middle = length > Granule ? Choices.Next() % (length / Granule) * Granule : 0;
            (ulong from, ulong size) = Choices.Below(8) switch
            {
                0 => (first, Granule),
                1 => (first + length - Granule, Granule),
                2 => (first + middle, Granule),
                3 => (first + middle, length - middle),
                4 => (first - Granule, length + Granule),
                5 => (first, length + Granule),
                6 => (first - Granule, length + 2 * Granule),
                _ => (first, length),
            };
            // off the granule at the start and yet ending on one
            ulong skew = Choices.OneIn(16) ? 1 + Choices.Bits(11) : 0;
            Unmap(domain, from + skew, size - skew);
        }
    }

    /// <summary>Invalidates what was changed, or too little, or the wrong thing.</summary>
    private void Invalidate(Extent extent)
    {
        int slot = draft.DomainSlot(extent.Domain);
        ulong length = extent.Length;
        Op op = unchecked(Choices.Below(16) switch
        {
            < 6 => new Op.Invalidate(slot, extent.First, length),
            6 => new Op.Invalidate(slot, extent.First, Granule),
            7 => new Op.Invalidate(slot, extent.First + length - Granule, Granule),
            8 => new Op.Invalidate(slot, extent.First + Granule, length),
            9 => new Op.Invalidate(slot, extent.First - length, length),
            10 => new Op.Invalidate(slot, extent.First - Granule, length + 2 * Granule),
            11 => new Op.Invalidate(draft.DomainSlot(draft.AnyDomain()), extent.First, length),
            12 => new Op.Invalidate(slot, extent.First + Choices.Bits(12), 1 + Choices.Bits(12)),
            13 or 14 => new Op.InvalidateDomain(draft.DomainSlot(Choices.OneIn(4) ? draft.AnyDomain() : extent.Domain)),
            _ => Fixed.InvalidateAll,
        });
        draft.Add(op);
    }

    // ---- operations, with what they are believed to do

    private void Map(int domain, ulong first, ulong length, ulong physical, Rights rights)
    {
        length = Affordable(first, length, physical);
        draft.Add(new Op.Map(draft.DomainSlot(domain), first, length, physical, rights));
        draft.Remember(first);
        bool fits = (first | length | physical) % Granule == 0 && IsFree(domain, first, length);
        if (fits && (rights & (Rights.Read | Rights.Write)) != 0 && !AddressRange.Wraps(physical, length)
            && (physical + (length - 1)) >> draft.Places.PhysicalBits == 0)
            live.Add(new(domain, first, length, physical, rights));
    }

    private void Unmap(int domain, ulong first, ulong length)
    {
        draft.Add(new Op.Unmap(draft.DomainSlot(domain), first, length));
        if (length == 0 || AddressRange.Wraps(first, length))
            return;
        for (int i = live.Count - 1; i >= 0; i--)
        {
            Extent extent = live[i];
            if (extent.Domain != domain || extent.First > first + (length - 1) || first > extent.Last)
                continue;
            gone.Add(extent);
            live.RemoveAt(i);
        }
    }

    private void UnmapAll(int domain)
    {
        draft.Add(new Op.UnmapAll(draft.DomainSlot(domain)));
        live.RemoveDomain(domain);
    }

    private void Attach(int device, int domain)
    {
        draft.Add(new Op.Attach(draft.DeviceSlot(device), draft.DomainSlot(domain)));
        home[device] = domain;
    }

    private void AttachIdentity(int device)
    {
        draft.Add(new Op.AttachIdentity(draft.DeviceSlot(device)));
        home[device] = Identity;
    }

    private void Detach(int device)
    {
        draft.Add(new Op.Detach(draft.DeviceSlot(device)));
        home[device] = Nowhere;
    }

    private void FreeDomain(int domain)
    {
        draft.Add(new Op.FreeDomain(draft.DomainSlot(domain)));
        if (Sharer(domain, Nowhere) == Nowhere)
            live.RemoveDomain(domain);
    }

    // ---- choices

    /// <summary>A device of the domain; one is attached where there is none.</summary>
    private int DeviceOf(int domain)
    {
        int device = Sharer(domain, Nowhere);
        if (device != Nowhere)
            return device;
        device = Sharer(Nowhere, draft.AnyDevice());
        Attach(device, domain);
        return device;
    }

    /// <summary>A device of the domain, found from a random start; <paramref name="otherwise"/> where there is none.</summary>
    private int Sharer(int domain, int otherwise)
    {
        int start = draft.AnyDevice();
        for (int i = 0; i < draft.DeviceCount; i++)
        {
            int device = (start + i) % draft.DeviceCount;
            if (home[device] == domain)
                return device;
        }

        return otherwise;
    }

    private Extent Any(Extents from) => from[Choices.Below(from.Count)];

    private ulong PickLength() => Choices.OneIn(24) ? Places.OddLength(Choices)
        : Choices.Percent(draft.Profile.LargePercent) ? Places.LargeLength(Choices)
        : Places.Length(Choices);

    private Rights PickRights() => Choices.Below(12) switch
    {
        < 7 => Rights.Read | Rights.Write,
        < 9 => Rights.Read,
        9 => Rights.Write,
        10 => (Rights)Choices.Below(64),
        _ => Rights.Read | Rights.Write | Rights.NoExec | Rights.Cache,
    };

    private AccessKind KindFor(Extent extent) => (extent.Rights & (Rights.Read | Rights.Write)) switch
    {
        Rights.Read => Choices.OneIn(6) ? AccessKind.Write : AccessKind.Read,
        Rights.Write => Choices.OneIn(4) ? AccessKind.Read : AccessKind.Write,
        _ => draft.AnyKind(),
    };

    private ulong SmallLength() => Choices.OneIn(6) ? Places.AccessLength(Choices) : 8;

    /// <summary>An address in the extent, its ends included.</summary>
    private ulong Inside(Extent extent) => Choices.Below(4) switch
    {
        0 => extent.First,
        1 => extent.Last & ~7UL,
        2 => extent.First + (Choices.Next() % extent.Length & ~7UL),
        _ => extent.First + Choices.Bits(12),
    };

    /// <summary>An address just outside, or across an end.</summary>
    private ulong Beside(Extent extent) => unchecked(Choices.Below(5) switch
    {
        0 => extent.First - 1,
        1 => extent.First - Granule,
        2 => extent.End,
        3 => extent.Last,
        _ => extent.End + Granule,
    });

    private void ProbeEdges(int device, ulong first, ulong size)
    {
        unchecked
        {
            draft.Access(device, draft.AnyKind(), first + (Choices.Bits(30) & (size - 1)), 8);
            if (Choices.OneIn(2))
                draft.Access(device, AccessKind.Read, first + size - 4, 8);
            if (Choices.OneIn(3))
                draft.Access(device, AccessKind.Write, first - 4, 8);
        }
    }

    /// <summary>Physical memory for a range, fit for large pages as often as the profile says.</summary>
    private ulong PhysicalFor(ulong first, ulong length)
    {
        if (length < 1UL << 20 || Choices.OneIn(12))
            return draft.Places.Physical(Choices, length);
        bool huge = length >= 1UL << 30 || Choices.OneIn(4);
        ulong size = huge ? 1UL << 30 : 1UL << 21;
        return AlignedPhysical(size) | (first & (size - 1));
    }

    private ulong AlignedPhysical(ulong size) => ~(size - 1) & Choices.Below(16) switch
    {
        0 => Places.InterruptFirst,
        < 5 => Choices.Bits(draft.Places.PhysicalBits),
        _ => Choices.Bits(33),
    };

    private bool IsFree(int domain, ulong first, ulong length) =>
        draft.Places.IsInput(first, length) && !live.Touches(domain, first, first + (length - 1));

    /// <summary>Shortens a map that would need a great many leaves, and would not be refused before it made them.</summary>
    private ulong Affordable(ulong first, ulong length, ulong physical)
    {
        if (length <= MostLeaves * Granule || length % Granule != 0 || !draft.Places.IsInput(first, length))
            return length;
        ulong apart = first ^ physical;
        ulong leaf = draft.Platform.Pages1G && apart % (1UL << 30) == 0 ? 1UL << 30
            : (draft.Platform.Pages2M || draft.Platform.Format == TableFormat.X86FirstStage) && apart % (1UL << 21) == 0 ? 1UL << 21
            : Granule;
        return length / leaf <= MostLeaves ? length : MostLeaves * leaf;
    }
}
