import { get, isEnded, isRefused } from "./api";
import type { DecisionSheet, Household } from "./contract";
import { dayOf, daysBetween, dayText, isOverdue, now } from "./days";
import { byId, h, setText } from "./dom";
import { isOpen } from "./sprites";
import type { Tile } from "./store";
import { doorText, tierText } from "./tiers";

// One household beside the wall. What it shows is what the answer holds: names arrive masked, and nothing here unmasks.

const VISIT_KIND: Record<string, string> = { home: "入户", phone: "电话", video: "视频", check_in: "报平安" };
const REGISTER: Record<string, string> = { lifted: "脱贫户", monitored: "监测对象", eliminated: "风险消除", general: "一般农户", none: "未登记" };
const OCCUPANCY: Record<string, string> = { all_home: "全家在住", part_away: "部分外出", all_away: "举家外出", vacant: "未入住" };
const INCOME: Record<string, string> = { below_line: "低于监测线", near_line: "接近监测线", above_line: "高于监测线", unknown: "待补信息" };
const MEASURE: Record<string, string> = {
  medical_aid: "医疗救助", education_aid: "教育资助", care_service: "照护服务", housing_repair: "住房修缮", temporary_relief: "临时救助",
  job_referral: "岗位推荐", skills_training: "技能培训", public_job: "公益性岗位", small_credit: "小额信贷", industry_support: "产业帮扶",
};
/** A fact summed over many rows names its newest few. */
const MOST_ORIGINS = 3;
/** After a live change of the open household, the answers settle before they are read again. */
const READ_AGAIN_AFTER = 400;

export class Panel {
  private readonly element = byId("panel");
  private readonly title = byId("panel-title");
  private readonly body = byId("panel-body");
  private tile: Tile | null = null;
  private opener: HTMLElement | null = null;
  private reading = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ended: () => void,
    private readonly fallback: () => void,
  ) {
    byId("panel-close").addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen) {
        event.preventDefault();
        this.close();
      }
    });
  }

  get isOpen(): boolean {
    return this.tile !== null;
  }

  /** `left` puts it on the other side, so that it does not lie over the tile it speaks of. */
  open(tile: Tile, left: boolean): void {
    const active = document.activeElement;
    if (active instanceof HTMLElement && !this.element.contains(active)) this.opener = active;
    this.tile = tile;
    this.element.hidden = false;
    this.element.classList.toggle("left", left);
    document.body.classList.add("with-panel");
    setText(this.title, doorText(tile.door));
    this.say("正在读取…");
    this.title.focus();
    void this.read();
  }

  close(): void {
    if (this.tile === null) return;
    this.tile = null;
    this.reading++;
    clearTimeout(this.timer);
    this.element.hidden = true;
    document.body.classList.remove("with-panel");
    this.body.replaceChildren();
    const opener = this.opener;
    this.opener = null;
    if (opener !== null && opener.isConnected && !opener.hidden) opener.focus();
    else this.fallback();
  }

  /** The open household changed on the wall: read it again, and keep what stands there until the answer is here. */
  changed(tile: Tile): void {
    if (tile !== this.tile) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), READ_AGAIN_AFTER);
  }

  private async read(): Promise<void> {
    const tile = this.tile;
    if (tile === null) return;
    const mine = ++this.reading;
    try {
      const [household, sheet] = await Promise.all([
        get<Household>(`/households/${tile.id}`, true),
        get<DecisionSheet>(`/households/${tile.id}/tier`, true),
      ]);
      if (mine === this.reading) this.show(household, sheet);
    } catch (error) {
      if (mine !== this.reading) return;
      if (!isRefused(error)) this.say("暂时连不上服务，未能读取这一户。", true);
      else if (isEnded(error)) {
        this.say("会话已结束，请重新打开监测屏。");
        this.ended();
      } else if (error.status === 404) this.say("没有找到这一户，可能已迁出或不在可见范围内。");
      else this.say(`${error.message}，未能读取这一户。`, true);
    }
  }

  private say(text: string, again = false): void {
    const message = h("p", "message", text);
    message.setAttribute("role", "status");
    this.body.replaceChildren(message);
    if (!again) return;
    const button = h("button", "plain", "重新读取") as HTMLButtonElement;
    button.type = "button";
    button.addEventListener("click", () => {
      this.say("正在读取…");
      this.title.focus();
      void this.read();
    });
    this.body.append(button);
  }

  private show(household: Household, sheet: DecisionSheet): void {
    const today = dayOf(now());
    const late = isOverdue(household.dueDay, today);
    const due =
      household.dueDay === null
        ? "不设应访日"
        : late
          ? `${dayText(household.dueDay, today)}，已逾期${daysBetween(household.dueDay, today)}天`
          : household.dueDay === today
            ? `今天（${dayText(household.dueDay, today)}）`
            : `${dayText(household.dueDay, today)}，还有${daysBetween(today, household.dueDay)}天`;
    const leader = household.leader;
    this.body.replaceChildren(
      h("p", "where", household.nodeNames.join(" · ")),
      h("p", "colour", mark(household.tier, isOpen(household.state)), tierText(household.tier, household.state)),
      faces(household),
      h("p", "sentence", sheet.sentence),
      facts([
        ["应访日", due, late],
        ["包保责任人", leader === null ? "空缺" : `${leader.name} · ${leader.title}`, leader === null],
        ["收入状况", INCOME[household.income] ?? "—", household.income === "below_line"],
        ["登记状态", REGISTER[household.registerStatus] ?? "—", false],
        ["入住状态", OCCUPANCY[household.occupancy] ?? "—", false],
      ]),
      section(
        "户内成员",
        household.people.map((person) =>
          h("li", "", person.name, note(person.isHead ? "户主" : "", person.age === null ? "" : `${person.age}岁`, person.phone ?? "", person.idNumber ?? "")),
        ),
        "没有登记成员",
      ),
      section(
        "定级依据",
        sheet.reasons.map((reason) =>
          h(
            "li",
            "",
            h("p", "", mark(reason.tier, false), h("b", "", reason.rule), ` ${reason.text}`, note(reason.threshold === null ? "" : `标准：${reason.threshold}`)),
            ...reason.facts.map((fact) =>
              h("p", "fact", `${fact.name}：${fact.text}`, note(...fact.origins.slice(0, MOST_ORIGINS).map((from) => [from.sourceText ?? from.text, from.day === null ? "" : dayText(from.day, today)].filter(Boolean).join(" ")))),
            ),
          ),
        ),
        "没有命中规则",
      ),
      section("退出条件（未满足）", household.wayOut.map((blocker) => h("li", "", h("b", "", blocker.id), ` ${blocker.missing}`)), ""),
      section("待补信息", household.unknowns.map((unknown) => h("li", "", unknown.tagName)), ""),
      section(
        "未结帮扶措施",
        household.openMeasures.map((measure) => h("li", "", MEASURE[measure.kind] ?? measure.kind, note(`${dayText(measure.openedOn, today)}起`, measure.responsible ?? ""))),
        "没有未结的帮扶措施",
      ),
      section(
        "最近随访",
        household.lastVisits.map((visit) => h("li", "", `${dayText(visit.day, today)} ${VISIT_KIND[visit.kind] ?? visit.kind}`, note(visit.visitor, visit.counted ? "" : "不计入"))),
        "还没有随访",
      ),
      h("p", "basis", `规则集 ${sheet.ruleSet} · 定级日 ${dayText(sheet.day, today)}`),
    );
  }
}

function mark(tier: string, open: boolean): HTMLElement {
  const element = h("span", `mark ${tier}${open ? " open" : ""}`);
  element.setAttribute("aria-hidden", "true");
  return element;
}

/** The household's contact and her leader, as far as there are photos of them. */
function faces(household: Household): HTMLElement | string {
  const contact = household.people.find((person) => person.isHead);
  const both = [face(contact?.photoUrl, contact?.name, "户主"), face(household.leader?.photoUrl, household.leader?.name, household.leader?.title)];
  return both.some((one) => one !== null) ? h("div", "faces", ...both) : "";
}

function face(url: string | null | undefined, name = "", role = ""): HTMLElement | null {
  if (!url) return null;
  const picture = document.createElement("img");
  picture.src = url;
  picture.alt = `${role}${name}的照片`;
  const element = h("figure", "face", picture, h("figcaption", "", name, h("span", "note", role)));
  // The link lasts five minutes, the panel longer: a picture that cannot be had is better not there.
  picture.addEventListener("error", () => element.remove());
  return element;
}

function note(...parts: string[]): HTMLElement | null {
  const text = parts.filter((part) => part !== "").join(" · ");
  return text === "" ? null : h("span", "note", text);
}

function facts(rows: [string, string, boolean][]): HTMLElement {
  const list = h("dl", "");
  for (const [name, value, bad] of rows) list.append(h("dt", "", name), h("dd", bad ? "late" : "", value));
  return list;
}

/** A heading and its list; without entries the given sentence, and without that nothing. */
function section(title: string, items: HTMLElement[], empty: string): HTMLElement | string {
  if (items.length === 0 && empty === "") return "";
  return h("section", "", h("h3", "", title), items.length === 0 ? h("p", "none", empty) : h("ul", "", ...items));
}
