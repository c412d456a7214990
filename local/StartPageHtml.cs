using System.Net;

namespace Local;

/// <summary>Puts the words into StartPage.html. Everything that did not stand in this file is encoded.</summary>
internal static class StartPageHtml
{
    private static readonly string Frame = ReadFrame();

    public static string Build(LaunchOptions options)
    {
        var rows = string.Concat(DemoAccount.All.Select(account => Row(account, options)));
        return Page("起始页", "智慧社区精准服务后端", "易地搬迁大型社区的微信小程序后端与大厅监测屏，正在这台机器上运行。户、人、电话与证件号码全部是虚构的。", $$"""
            <section>
              <h2>三步看懂主流程</h2>
              <p>一户的情况变了，规则判定，瓷砖一秒内变红，楼层长、楼长、片区长和后台服务人员同时得知，直到有人接手。</p>
              <ol class="steps">
                <li><b>① 打开大屏</b><span>以后台服务人员的身份打开铜源社区，一户一块瓷砖。</span>
                  <a class="button" href="/open/demo-staff" target="_blank" rel="noopener">打开铜源社区大屏</a></li>
                <li><b>② 让一户变红</b><span>给一户绿色家庭登记“突发大病”，与工作人员在手机上登记走同一条路。</span>
                  <form method="post" action="/redden" id="redden"><button class="button red">让一户变红</button></form></li>
                <li><b>③ 看谁收到了</b><span>沙箱代替微信：它显示“微信”实际收到的每一条通知。</span>
                  <a class="button quiet" href="/sandbox" target="_blank" rel="noopener">打开微信沙箱</a></li>
              </ol>
              <output id="result" aria-live="polite"></output>
            </section>
            <section>
              <h2>演示账号</h2>
              <p>一键以任何人的身份打开；每次点击都取一张新的一次性入场券。登录码只在本机演示环境有效。</p>
              <table>
                <thead><tr><th>角色</th><th>看到什么</th><th>登录码</th><th aria-label="操作"></th></tr></thead>
                <tbody>{{rows}}</tbody>
              </table>
            </section>
            <section>
              <h2>给开发者</h2>
              <p>小程序和网页只需要下面这些。</p>
              <ul class="links">
                <li><a href="{{new Uri(options.Api, "swagger/v1/swagger.yaml")}}" data-api>接口文档</a>（OpenAPI 3.1，与仓库里的 <code>openapi.yaml</code> 相同）</li>
                <li>api 地址：<code>{{options.Api}}</code>，登录：<code>POST /api/v1/sessions/wechat {"code":"demo-staff"}</code></li>
                <li>健康检查：<a href="{{new Uri(options.Api, "health/ready")}}" data-api>/health/ready</a></li>
              </ul>
            </section>
            <script>
              // Without this script the form answers with a page of its own.
              const form = document.getElementById('redden'), result = document.getElementById('result'), button = form.querySelector('button');
              form.addEventListener('submit', async event => {
                event.preventDefault();
                button.disabled = true;
                result.textContent = '正在登记…';
                try {
                  const answer = await fetch('/redden', { method: 'POST', headers: { Accept: 'text/plain' } });
                  result.textContent = await answer.text();
                } catch {
                  result.textContent = '服务没有回答，它可能已经停止。';
                }
                button.disabled = false;
              });
              for (const link of document.querySelectorAll('[data-api]')) link.hostname = location.hostname;
            </script>
            """);
    }

    private static string Row(DemoAccount account, LaunchOptions options)
    {
        var wall = account.HasWall ? $"""<a class="button quiet" href="/open/{account.Code}" target="_blank" rel="noopener">打开大屏</a>""" : "";
        if (account.HasHall) wall += $"""<a class="button quiet" href="/hall/{account.Code}" target="_blank" rel="noopener">打开大厅屏</a>""";
        // Behind the #, which a browser sends to nobody.
        if (account.IsResident) wall += $"""<a class="button quiet" href="{new Uri(options.Api, $"me#code={account.Code}")}" data-api target="_blank" rel="noopener">谁看过我家的信息</a>""";
        return $"""
            <tr><td>{account.Title}</td><td>{account.Who}</td><td><code>{account.Code}</code></td>
            <td>{wall}<a class="button quiet" href="/tokens/{account.Code}" target="_blank" rel="noopener">查看令牌</a></td></tr>
            """;
    }

    public static string Tokens(string account, string accessToken, string session, LaunchOptions options) => Page("令牌", "令牌", $"登录码 {account} 的一次登录。访问令牌有效 15 分钟。", $"""
        <section>
          <h2>POST /api/v1/sessions/wechat 的回答</h2><p>刷新本页即重新登录。</p>
          <pre>{Encode(session)}</pre>
          <h2>试一试</h2><p>我是谁、我能看到哪些网格。</p>
          <pre>curl -H 'Authorization: Bearer {Encode(accessToken)}' {options.Api}api/v1/me</pre>
          <a class="button quiet" href="/">返回起始页</a>
        </section>
        """);

    public static string Message(string title, string text) => Page(title, title, "", $"""
        <section><p>{Encode(text)}</p><a class="button quiet" href="/">返回起始页</a></section>
        """);

    public static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static string Page(string title, string heading, string lead, string content) => Frame
        .Replace("{{title}}", Encode(title), StringComparison.Ordinal)
        .Replace("{{body}}", $"""
            <header><div><h1>{Encode(heading)}</h1><p>{Encode(lead)}</p></div></header>
            <main>{content}</main>
            <footer>只监听本机。按 Ctrl-C 停止，数据保留；make reset 清除并重新装入演示片区。</footer>
            """, StringComparison.Ordinal);

    private static string ReadFrame()
    {
        using var stream = typeof(StartPageHtml).Assembly.GetManifestResourceStream("Local.StartPage.html")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
