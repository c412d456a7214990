namespace Backend.Domain.Privacy;

/// <summary>
/// An encrypted value: key id, nonce, ciphertext and tag as one array (PD02). Only <c>Platform/Security/Vault</c> makes or opens one,
/// bound to table, column and row id. Entities carry it; nothing decrypts on its own.
/// </summary>
internal readonly record struct Sealed(byte[] Bytes)
{
    public static readonly Sealed None = new([]);

    public bool IsEmpty => Bytes is null or { Length: 0 };

    public override string ToString() => IsEmpty ? "(none)" : "(sealed)";
}
