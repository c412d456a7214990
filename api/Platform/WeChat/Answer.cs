using System.Globalization;

namespace Backend.Platform.WeChat;

/// <summary>One answer of WeChat, or what is known when none came. Its text carries class and code only (PD05).</summary>
internal class Answer(WeChatErrorClass errorClass)
{
    public WeChatErrorClass Class { get; } = errorClass;
    public int? Code { get; init; }
    public string? Rid { get; init; }

    /// <summary>What operators need and no person is named by: the template key of 47003, our own address of 40164, an HTTP status, a kind of network error.</summary>
    public string? Detail { get; init; }

    /// <summary>It may have been done although the answer does not say so. Wider than <see cref="WeChatErrorClass.Uncertain"/>: a gateway's 5xx may have spent a login code.</summary>
    public bool MayHaveHappened { get; init; }

    /// <summary>WeChat itself said "busy": certainly not done.</summary>
    public bool IsDefiniteBusy => Code == -1;

    /// <summary>The breaker counts it: WeChat is out of reach or not itself. A refusal is none.</summary>
    public bool IsOutage => Class is WeChatErrorClass.Transient or WeChatErrorClass.Uncertain;

    public override string ToString() => Code is { } code ? $"{Class} {code.ToString(CultureInfo.InvariantCulture)}" : Class.ToString();
}

/// <param name="value">What was read of a good answer; null in every other.</param>
internal sealed class Answer<T>(WeChatErrorClass errorClass, T? value = null) : Answer(errorClass) where T : class
{
    public T? Value { get; } = value;
}
