import type { Tier } from "./contract";
import { dayOf, dayText, isOverdue, now } from "./days";
import { byId, h, setAttribute, setText } from "./dom";
import type { Places } from "./places";
import type { Tile } from "./store";
import { COLOUR_NAME, doorText, HOUSEHOLD_NAME, SEVERITY, stateText, TIERS } from "./tiers";

// The same data as the wall, to be read line by line. Fifty rows exist however many households there are; they are filled anew for each
// page, so 2,802 rows cost as much as fifty.

const PAGE = 50;

type Column = "door" | "place" | "tier" | "dueDay" | "lastVisitDay";

const COLUMNS: readonly { key: Column; title: string }[] = [
  { key: "door", title: "门牌" },
  { key: "place", title: "网格" },
  { key: "tier", title: "四色等级" },
  { key: "dueDay", title: "应访日" },
  { key: "lastVisitDay", title: "最近随访" },
];

interface Row {
  element: HTMLElement;
  open: HTMLButtonElement;
  place: HTMLElement;
  mark: HTMLElement;
  tier: HTMLElement;
  due: HTMLElement;
  visit: HTMLElement;
  tile: Tile | null;
}

const order = new Intl.Collator("zh-CN", { numeric: true });

export class Table {
  private readonly body = byId("rows");
  private readonly status = byId("list-status");
  private readonly search = byId<HTMLInputElement>("search");
  private readonly overdueOnly = byId<HTMLInputElement>("overdue-only");
  private readonly previous = byId<HTMLButtonElement>("previous");
  private readonly next = byId<HTMLButtonElement>("next");
  private readonly rows: Row[] = [];
  private readonly shown = new Set<Tier>(TIERS);
  private readonly headings = new Map<Column, HTMLElement>();
  private sortBy: Column = "tier";
  private descending = false;
  private page = 0;
  private tiles: readonly Tile[] = [];
  private places: Places | null = null;
  private found: Tile[] = [];
  private readonly placeText = new Map<string, string>();
  private stale = true;
  visible = false;

  constructor(private readonly open: (tile: Tile) => void) {
    const head = byId("columns");
    for (const column of COLUMNS) {
      const button = h("button", "sort", column.title);
      button.setAttribute("type", "button");
      const cell = h("th", "", button);
      cell.setAttribute("scope", "col");
      button.addEventListener("click", () => this.sort(column.key));
      this.headings.set(column.key, cell);
      head.append(cell);
    }
    for (const tier of TIERS) {
      byId<HTMLInputElement>(`show-${tier}`).addEventListener("change", (event) => {
        if ((event.target as HTMLInputElement).checked) this.shown.add(tier);
        else this.shown.delete(tier);
        this.restart();
      });
    }
    // Everything filters as it is typed; Enter must not send the form anywhere.
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    this.search.addEventListener("input", () => this.restart());
    this.overdueOnly.addEventListener("change", () => this.restart());
    this.previous.addEventListener("click", () => this.turn(-1));
    this.next.addEventListener("click", () => this.turn(1));
  }

  setTiles(tiles: readonly Tile[], places: Places): void {
    this.tiles = tiles;
    if (this.places !== places) this.placeText.clear();
    this.places = places;
    this.refresh();
  }

  /** Something changed. The order stays while somebody is in the list: rows must not run away under a finger. */
  refresh(): void {
    this.stale = true;
    if (!this.visible) return;
    if (!this.body.contains(document.activeElement)) this.find();
    this.fill();
  }

  show(visible: boolean): void {
    this.visible = visible;
    if (!visible) return;
    if (this.stale) this.find();
    this.fill();
  }

  private sort(column: Column): void {
    this.descending = this.sortBy === column && !this.descending;
    this.sortBy = column;
    this.restart();
  }

  private restart(): void {
    this.page = 0;
    this.find();
    this.fill();
  }

  private turn(step: number): void {
    this.page += step;
    this.fill();
    byId("list-scroll").scrollTop = 0;
  }

  private where(tile: Tile): string {
    let text = this.placeText.get(tile.node);
    if (text === undefined) {
      const places = this.places!;
      const names = ["area", "building"].map((level) => places.above(tile.node, level)?.name ?? "");
      text = [...names, places.name(tile.node)].filter((name, index, all) => name !== "" && all.indexOf(name) === index).join(" ");
      this.placeText.set(tile.node, text);
    }
    return text;
  }

  private find(): void {
    this.stale = false;
    const today = dayOf(now());
    const wanted = this.search.value.trim();
    const overdue = this.overdueOnly.checked;
    this.found = this.tiles.filter(
      (tile) =>
        this.shown.has(tile.tier) &&
        (!overdue || isOverdue(tile.dueDay, today)) &&
        (wanted === "" || tile.door.startsWith(wanted) || doorText(tile.door).includes(wanted) || this.where(tile).includes(wanted)),
    );
    const by = this.sortBy;
    const sign = this.descending ? -1 : 1;
    const door = (a: Tile, b: Tile): number => order.compare(a.door, b.door);
    this.found.sort((a, b) => {
      let difference = 0;
      if (by === "tier") difference = SEVERITY[b.tier] - SEVERITY[a.tier];
      else if (by === "place") difference = order.compare(this.where(a), this.where(b));
      else if (by === "door") difference = door(a, b);
      // An absent day is last whichever way the column runs.
      else if ((a[by] === null) !== (b[by] === null)) return a[by] === null ? 1 : -1;
      else difference = a[by] === b[by] ? 0 : a[by]! < b[by]! ? -1 : 1;
      return difference === 0 ? door(a, b) : sign * difference;
    });
  }

  private fill(): void {
    const pages = Math.max(1, Math.ceil(this.found.length / PAGE));
    this.page = Math.max(0, Math.min(pages - 1, this.page));
    const from = this.page * PAGE;
    const today = dayOf(now());
    for (let i = 0; i < PAGE; i++) {
      const tile = this.found[from + i];
      const row = this.rows[i] ?? (tile === undefined ? undefined : this.addRow());
      if (row === undefined) break;
      row.element.hidden = tile === undefined;
      row.tile = tile ?? null;
      if (tile === undefined) continue;
      const late = isOverdue(tile.dueDay, today);
      const state = stateText(tile.tier, tile.state);
      setText(row.open, doorText(tile.door));
      setText(row.place, this.where(tile));
      setAttribute(row.mark, "class", `mark ${tile.tier}${state !== "" && state !== "已核实" ? " open" : ""}`);
      setText(row.tier, tile.state === "provisional" || tile.state === "unassessed" ? `${COLOUR_NAME[tile.tier]} ${state}` : `${COLOUR_NAME[tile.tier]} ${HOUSEHOLD_NAME[tile.tier]}`);
      setText(row.due, tile.dueDay === null ? "—" : dayText(tile.dueDay, today) + (late ? "（已逾期）" : ""));
      setAttribute(row.due, "class", late ? "late" : "");
      setText(row.visit, dayText(tile.lastVisitDay, today));
    }
    for (const { key } of COLUMNS) {
      const heading = this.headings.get(key)!;
      if (key === this.sortBy) setAttribute(heading, "aria-sort", this.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
    this.previous.disabled = this.page === 0;
    this.next.disabled = this.page >= pages - 1;
    setText(this.status, `共${this.found.length}户，第${this.page + 1}页，共${pages}页`);
  }

  private addRow(): Row {
    const open = h("button", "door") as HTMLButtonElement;
    open.type = "button";
    const place = h("td", "");
    const mark = h("span", "mark");
    mark.setAttribute("aria-hidden", "true");
    const tier = h("span", "");
    const due = h("td", "");
    const visit = h("td", "");
    const heading = h("th", "", open);
    heading.setAttribute("scope", "row");
    const element = h("tr", "", heading, place, h("td", "", mark, tier), due, visit);
    const row: Row = { element, open, place, mark, tier, due, visit, tile: null };
    open.addEventListener("click", () => row.tile !== null && this.open(row.tile));
    this.rows.push(row);
    this.body.append(element);
    return row;
  }
}
