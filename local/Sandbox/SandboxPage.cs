namespace Local.Sandbox;

/// <summary>The page that shows what "WeChat" received. One file, no request but for its own list; texts go in as text, never as HTML.</summary>
internal static class SandboxPage
{
    public const string Html = """
        <!doctype html>
        <html lang="zh-CN">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>微信沙箱 · 收到的消息</title>
        <style>
          :root { color-scheme: light; --ink: #1f2a2e; --soft: #5a6a70; --line: #dde3e4; --paper: #f6f8f7; --card: #fff; --deep: #14494a; }
          * { box-sizing: border-box; }
          body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.65;
            font-family: system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", sans-serif; }
          header { background: var(--deep); color: #fff; padding: 32px 24px; }
          header > div, main { max-width: 860px; margin: 0 auto; }
          main { max-width: 908px; padding: 0 24px; }
          h1 { margin: 0 0 8px; font-size: 28px; font-weight: 600; letter-spacing: .02em; }
          header p { margin: 0; color: #cfe0de; }
          #state { display: flex; justify-content: space-between; align-items: baseline; padding: 16px 0; border-bottom: 1px solid var(--line); color: var(--soft); }
          #state strong { color: var(--ink); font-size: 20px; font-variant-numeric: tabular-nums; }
          #list { list-style: none; margin: 0; padding: 16px 0 48px; }
          #list li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; margin-bottom: 12px; }
          .head { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
          .to { font-weight: 600; color: var(--deep); overflow-wrap: anywhere; }
          time { margin-left: auto; color: var(--soft); font-variant-numeric: tabular-nums; }
          dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0 0; }
          dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
          .small { margin: 8px 0 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
          #empty { padding: 48px 0; text-align: center; color: var(--soft); }
          [hidden] { display: none !important; }
        </style>
        </head>
        <body>
        <header><div>
          <h1>微信沙箱</h1>
          <p>本机演示用。这里代替微信接收消息，不会发到任何人的手机，也不连接互联网。</p>
        </div></header>
        <main>
          <div id="state"><span>已收到 <strong id="received">0</strong> 条</span><span id="live" role="status">正在连接…</span></div>
          <p id="empty" hidden>还没有收到消息。把一户的情况改成红色，这里会出现发给楼层长、楼长、片区长和后台服务人员的消息。</p>
          <ul id="list" aria-label="收到的消息，最新的在前"></ul>
        </main>
        <script>
          'use strict';
          const list = document.getElementById('list'), empty = document.getElementById('empty');
          const received = document.getElementById('received'), live = document.getElementById('live');
          const clock = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
          const names = {
            'demo-floor-leader': '楼层长', 'demo-building-leader': '楼长', 'demo-area-leader': '片区长', 'demo-staff': '后台服务人员',
            'demo-street': '街道管理人员', 'demo-district': '区级管理人员', 'demo-resident': '居民', 'demo-admin': '系统管理员',
          };
          let shown = -1;

          function element(name, text, className) {
            const made = document.createElement(name);
            if (text !== undefined) made.textContent = text;
            if (className) made.className = className;
            return made;
          }

          function item(message) {
            const made = element('li'), head = element('div', undefined, 'head'), values = element('dl');
            const name = message.recipient && names[message.recipient] ? names[message.recipient] + '（' + message.recipient + '）' : message.recipient;
            const time = element('time', clock.format(new Date(message.at)));
            time.dateTime = message.at;
            head.append(element('span', '发给 ' + (name || message.openId), 'to'), time);
            for (const value of message.values) values.append(element('dt', value.key), element('dd', value.text));
            made.append(head, values, element('p', '第 ' + message.number + ' 条 · ' + message.kind + ' · 模板 ' + message.template + ' · 打开 ' + message.page, 'small'));
            return made;
          }

          async function refresh() {
            try {
              const answer = await fetch('/sandbox/messages', { cache: 'no-store' });
              if (!answer.ok) throw new Error();
              const { received: count, messages } = await answer.json();
              live.textContent = '实时更新中';
              received.textContent = count;
              empty.hidden = count > 0;
              if (count !== shown) { list.replaceChildren(...messages.map(item)); shown = count; }
            } catch { live.textContent = '沙箱没有应答，稍后再试'; }
            setTimeout(refresh, 1000);
          }
          refresh();
        </script>
        </body>
        </html>
        """;
}
