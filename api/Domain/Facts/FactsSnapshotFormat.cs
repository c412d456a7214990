using System.Text;
using Backend.Domain.Households;
using Backend.Domain.Tags;

namespace Backend.Domain.Facts;

/// <summary>
/// The stored form of the snapshot: compact bytes, the same for the same content. Not JSON, because a change of the rule set reads every
/// household (performance.md P11): this is about a third of the size and a tenth of the parsing time. The first byte is the format's number.
/// </summary>
internal sealed partial record FactsSnapshot
{
    private const byte Format = 1;

    // Days are written relative to this one, so that most take two or three bytes.
    private static readonly int s_epoch = new DateOnly(2020, 1, 1).DayNumber;

    public byte[] ToBytes()
    {
        var writer = new Writer();
        writer.Byte(Format);
        writer.Id(HouseholdId);
        writer.Day(RecordedOn);
        writer.Byte((byte)Occupancy);
        writer.Day(LastCountedVisit);
        writer.Day(LastHomeVisit);
        writer.Day(SignalFreeSince);
        writer.Number(RelapseCount);

        var members = Members.OrderBy(member => member.ResidentId).ToArray();
        writer.Number(members.Length);
        foreach (var member in members)
        {
            writer.Id(member.ResidentId);
            writer.Byte((byte)((member.IsHead ? 1 : 0) | (member.SharesIncome ? 2 : 0)));
            writer.Day(member.From);
            writer.Day(member.Until);
        }

        WriteValues(writer, members);

        writer.Number(Register.Count);
        foreach (var mark in Register)
        {
            writer.Id(mark.Id);
            writer.Byte((byte)mark.Status);
            writer.Day(mark.Day);
        }

        writer.Number(FinishedMeasures.Count);
        foreach (var day in FinishedMeasures.Order()) writer.Day(day);
        writer.Number(Months.Count);
        foreach (var month in Months.OrderBy(month => month.Month))
        {
            writer.Day(month.Month);
            writer.Byte((byte)(month.AtOrAboveClearLine ? 1 : 0));
        }

        writer.Number(SettledEvents.Count);
        foreach (var settled in SettledEvents.OrderBy(settled => settled.Day).ThenBy(settled => settled.Tag, StringComparer.Ordinal)
            .ThenBy(settled => settled.SubjectId).ThenBy(settled => settled.Value, StringComparer.Ordinal))
        {
            writer.Text(settled.Tag);
            writer.Id(settled.SubjectId);
            writer.Text(settled.Value);
            writer.Day(settled.Day);
        }

        writer.Byte((byte)((Approvals.LoweringApproved ? 1 : 0) | (Approvals.RigidResolved ? 2 : 0)
            | (Approvals.EliminationProcedureDone ? 4 : 0) | (Approvals.NaturalElimination ? 8 : 0)));
        writer.Number(Approvals.Approvers.Count);
        foreach (var approver in Approvals.Approvers.Order()) writer.Id(approver);
        return writer.ToArray();
    }

    /// <exception cref="FormatException">The bytes are no snapshot, or of a format that this version does not know.</exception>
    public static FactsSnapshot FromBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Reader(bytes);
            var format = reader.Byte();
            if (format != Format) throw new FormatException($"Unknown format {format} of a facts snapshot.");
            var snapshot = Read(ref reader);
            if (!reader.AtEnd) throw new FormatException("Bytes follow the facts snapshot.");
            return snapshot;
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException or OverflowException)
        {
            throw new FormatException("The facts snapshot is cut or damaged.", e);
        }
    }

    private static FactsSnapshot Read(ref Reader reader)
    {
        var (householdId, recordedOn, occupancy) = (reader.Id(), reader.Day(), (Occupancy)reader.Byte());
        var (counted, home, quiet, relapses) = (reader.OptionalDay(), reader.OptionalDay(), reader.OptionalDay(), reader.Number());
        var members = new SnapshotMember[reader.Count()];
        for (var i = 0; i < members.Length; i++)
        {
            var (id, flags) = (reader.Id(), reader.Byte());
            members[i] = new(id, (flags & 1) != 0, (flags & 2) != 0, reader.OptionalDay(), reader.OptionalDay());
        }

        var values = ReadValues(ref reader, householdId, members);
        var marks = new SnapshotMark[reader.Count()];
        for (var i = 0; i < marks.Length; i++) marks[i] = new(reader.Id(), (RegisterStatus)reader.Byte(), reader.Day());
        var finished = new DateOnly[reader.Count()];
        for (var i = 0; i < finished.Length; i++) finished[i] = reader.Day();
        var months = new SnapshotMonth[reader.Count()];
        for (var i = 0; i < months.Length; i++) months[i] = new(reader.Day(), reader.Byte() != 0);
        var settled = new SettledEvent[reader.Count()];
        for (var i = 0; i < settled.Length; i++) settled[i] = new(reader.Text(), reader.Id(), reader.Text(), reader.Day());
        var bits = reader.Byte();
        var approvers = new Guid[reader.Count()];
        for (var i = 0; i < approvers.Length; i++) approvers[i] = reader.Id();
        return new FactsSnapshot
        {
            HouseholdId = householdId,
            RecordedOn = recordedOn,
            Occupancy = occupancy,
            LastCountedVisit = counted,
            LastHomeVisit = home,
            SignalFreeSince = quiet,
            RelapseCount = relapses,
            Members = members,
            Values = values,
            Register = marks,
            FinishedMeasures = finished,
            Months = months,
            SettledEvents = settled,
            Approvals = new SnapshotApprovals
            {
                LoweringApproved = (bits & 1) != 0,
                RigidResolved = (bits & 2) != 0,
                EliminationProcedureDone = (bits & 4) != 0,
                NaturalElimination = (bits & 8) != 0,
                Approvers = approvers,
            },
        };
    }

    /// <summary>Values lie by subject: the household first, then each member, so that no value repeats the id of its subject.</summary>
    private void WriteValues(Writer writer, SnapshotMember[] members)
    {
        var previous = 0L;
        var bySubject = Values.ToLookup(value => value.SubjectId);
        foreach (var subject in members.Select(member => member.ResidentId).Prepend(HouseholdId))
        {
            var values = bySubject[subject].OrderBy(value => value.Tag, StringComparer.Ordinal)
                .ThenBy(value => value.ObservedAt).ThenBy(value => value.RecordedAt).ThenBy(value => value.Id).ToArray();
            writer.Number(values.Length);
            foreach (var value in values)
            {
                if (!ReadTags.TryGet(value.Tag, out var tag)) throw new FormatException($"No rule reads the tag {value.Tag}.");
                var recorded = value.RecordedAt.ToUnixTimeMilliseconds();
                var hasFrom = value.From != value.ObservedAt;
                writer.Byte((byte)tag);
                writer.Byte((byte)((byte)value.Source | (hasFrom ? 0x40 : 0) | (value.Until is null ? 0 : 0x80)));
                writer.Text(value.Value);
                writer.Id(value.Id);
                writer.Day(value.ObservedAt);
                writer.Signed(recorded - previous);
                if (hasFrom) writer.Day(value.From);
                if (value.Until is { } until) writer.Day(until);
                previous = recorded;
            }
        }
    }

    private static SnapshotValue[] ReadValues(ref Reader reader, Guid householdId, SnapshotMember[] members)
    {
        var recorded = 0L;
        var values = new List<SnapshotValue>(64);
        for (var subject = -1; subject < members.Length; subject++)
        {
            var (kind, id) = subject < 0 ? (SubjectKind.Household, householdId) : (SubjectKind.Person, members[subject].ResidentId);
            for (var left = reader.Count(); left > 0; left--)
            {
                var tag = (ReadTag)reader.Byte();
                var flags = reader.Byte();
                var (text, valueId, observed) = (reader.Text(), reader.Id(), reader.Day());
                recorded += reader.Signed();
                values.Add(new SnapshotValue(
                    valueId, kind, id, tag.Code(), text, (ValueSource)(flags & 0x3F), observed,
                    (flags & 0x40) == 0 ? observed : reader.Day(), (flags & 0x80) == 0 ? null : reader.Day(),
                    DateTimeOffset.FromUnixTimeMilliseconds(recorded)));
            }
        }

        return [.. values];
    }

    /// <summary>Numbers are little-endian base 128, seven bits a byte; signed ones zigzag.</summary>
    private sealed class Writer
    {
        private byte[] _bytes = new byte[2048];
        private int _length;

        public byte[] ToArray() => _bytes[.._length];

        public void Byte(byte value) => Room(1)[0] = value;

        public void Id(Guid value) => value.TryWriteBytes(Room(16));

        public void Number(long value)
        {
            for (var rest = (ulong)value; ; rest >>= 7)
            {
                if (rest < 0x80)
                {
                    Byte((byte)rest);
                    return;
                }

                Byte((byte)(rest | 0x80));
            }
        }

        public void Signed(long value) => Number((value << 1) ^ (value >> 63));

        public void Day(DateOnly value) => Signed(value.DayNumber - s_epoch);

        public void Day(DateOnly? value)
        {
            Byte((byte)(value is null ? 0 : 1));
            if (value is { } day) Day(day);
        }

        public void Text(string value)
        {
            Number(Encoding.UTF8.GetByteCount(value));
            Encoding.UTF8.GetBytes(value, Room(Encoding.UTF8.GetByteCount(value)));
        }

        private Span<byte> Room(int size)
        {
            if (_length + size > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + size));
            _length += size;
            return _bytes.AsSpan(_length - size, size);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public readonly bool AtEnd => _rest.IsEmpty;

        public byte Byte()
        {
            var value = _rest[0];
            _rest = _rest[1..];
            return value;
        }

        public Guid Id() => new(Take(16));

        public int Number() => checked((int)Long());

        /// <summary>A count of things to follow: each takes at least a byte, so that damaged bytes never ask for more memory than they have.</summary>
        public int Count()
        {
            var count = Number();
            return count >= 0 && count <= _rest.Length ? count : throw new FormatException("The facts snapshot is cut or damaged.");
        }

        public long Signed()
        {
            var value = Long();
            return (long)((ulong)value >> 1) ^ -(value & 1);
        }

        public DateOnly Day() => DateOnly.FromDayNumber(checked((int)Signed() + s_epoch));

        public DateOnly? OptionalDay() => Byte() == 0 ? null : Day();

        public string Text()
        {
            var text = Take(Number());
            return text.SequenceEqual("true"u8) ? "true" : text.SequenceEqual("false"u8) ? "false" : Encoding.UTF8.GetString(text);
        }

        private long Long()
        {
            var value = 0UL;
            for (var shift = 0; ; shift += 7)
            {
                if (shift > 63) throw new FormatException("The facts snapshot is cut or damaged.");
                var part = Byte();
                value |= (ulong)(part & 0x7F) << shift;
                if (part < 0x80) return (long)value;
            }
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
