using Backend.Domain.Visits;

namespace Local.Demo;

/// <summary>
/// Days that differ from Monday to Friday. Source: 国务院办公厅关于2026年部分节假日安排的通知, 2025-11-04 (Xinhua text, politics.gmw.cn/2025-11/04/content_38391083.htm).
/// The notice of another year is added as rows when it appears, usually in the November before.
/// </summary>
internal static class ChinaCalendar
{
    public static IReadOnlyList<WorkingDay> Days { get; } =
    [
        .. Holiday("元旦", new(2026, 1, 1), 3, new DateOnly(2026, 1, 4)),
        .. Holiday("春节", new(2026, 2, 15), 9, new(2026, 2, 14), new(2026, 2, 28)),
        .. Holiday("清明节", new(2026, 4, 4), 3),
        .. Holiday("劳动节", new(2026, 5, 1), 5, new DateOnly(2026, 5, 9)),
        .. Holiday("端午节", new(2026, 6, 19), 3),
        .. Holiday("中秋节", new(2026, 9, 25), 3),
        .. Holiday("国庆节", new(2026, 10, 1), 7, new(2026, 9, 20), new(2026, 10, 10)),
    ];

    private static IEnumerable<WorkingDay> Holiday(string name, DateOnly first, int days, params DateOnly[] madeUp) =>
        Enumerable.Range(0, days).Select(i => new WorkingDay { Day = first.AddDays(i), Working = false, Name = name })
            .Concat(madeUp.Select(d => new WorkingDay { Day = d, Working = true, Name = name + "调休" }));
}
