namespace Backend.Platform.WeChat;

/// <summary>What became of a login code (ID01, ID02). The set is closed. WeChat's session_key is in none of it: it is never kept (PD02).</summary>
internal abstract record CodeExchange
{
    private CodeExchange() { }

    /// <param name="OpenId">The person within this mini-program.</param>
    /// <param name="UnionId">The person across the owner's apps; null unless the mini-program is bound to an Open Platform account.</param>
    internal sealed record Identity(string OpenId, string? UnionId) : CodeExchange
    {
        /// <summary>Identities never reach a log by way of a string (PD05).</summary>
        public override string ToString() => nameof(Identity);
    }

    /// <summary>Wrong, older than five minutes, or used: the client logs in again, once.</summary>
    internal sealed record CodeInvalid : CodeExchange;

    /// <summary>WeChat blocks this person's login: refuse, and name a human contact.</summary>
    internal sealed record HighRisk : CodeExchange;

    /// <summary>Busy or out of reach.</summary>
    /// <param name="CodeMayBeSpent">True: the answer was lost, the client must log in again with a new code. False: the same code may be sent again.</param>
    internal sealed record Unavailable(bool CodeMayBeSpent) : CodeExchange;

    /// <summary>Nobody can log in before an operator acts (AppId, secret, allow-list, account); logged as an error.</summary>
    internal sealed record Misconfigured : CodeExchange;
}

/// <summary>What became of the code of a phone button (ID06). The set is closed.</summary>
internal abstract record PhoneExchange
{
    private PhoneExchange() { }

    /// <param name="Number">Of the mainland its 11 digits, as a register has them; of elsewhere with + and the country's code.</param>
    internal sealed record Verified(string Number) : PhoneExchange
    {
        /// <summary>Numbers never reach a log by way of a string (PD05).</summary>
        public override string ToString() => nameof(Verified);
    }

    /// <summary>Wrong, older than five minutes, used, or of somebody else's button: the person taps again.</summary>
    internal sealed record CodeInvalid : PhoneExchange;

    /// <summary>Busy, out of reach, or asked too often.</summary>
    /// <param name="CodeMayBeSpent">True: the answer was lost, the person must tap again. False: the same code may be sent again.</param>
    internal sealed record Unavailable(bool CodeMayBeSpent) : PhoneExchange;

    /// <summary>No number can be verified before an operator acts (capability not granted, AppId, secret, allow-list, account); logged as an error.</summary>
    internal sealed record Misconfigured : PhoneExchange;
}

/// <summary>What became of one message.</summary>
/// <param name="Class">What WeChat's answer, or its absence, means.</param>
/// <param name="Code">WeChat's errcode; null when no readable answer came or nothing was sent.</param>
/// <param name="Rid">WeChat's id of the request, which its support and <c>rid/get</c> explain for seven days.</param>
internal sealed record SendOutcome(WeChatErrorClass Class, int? Code = null, string? Rid = null)
{
    public Treatment Treatment => WeChatErrors.TreatmentOf(Class);
}
