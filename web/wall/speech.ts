import type { Tier, TierState } from "./contract";
import { setText } from "./dom";
import { COLOUR_NAME, TIERS, tierText } from "./tiers";

/** Changes within this time are one sentence. */
const GATHER = 1000;
/** A sentence is not cut short by the next one. */
const REST = 4000;
/** So many are told one by one; more are summed by colour. */
const NAMED = 2;

interface Timers {
  set(run: () => void, delay: number): unknown;
}

/** Speaks changes into a polite live region, bounded however many there are. */
export class Speech {
  private readonly named: string[] = [];
  private readonly into = new Map<Tier, number>();
  private visits = 0;
  private count = 0;
  private planned = false;

  constructor(
    private readonly say: (text: string) => void,
    private readonly timers: Timers = { set: (run, delay) => setTimeout(run, delay) },
  ) {}

  static into(region: HTMLElement): Speech {
    return new Speech((text) => setText(region, text));
  }

  changed(place: string, tier: Tier, state: TierState, was: Tier): void {
    if (this.named.length < NAMED) {
      const verb = tier === was ? "现为" : `由${COLOUR_NAME[was]}转为`;
      this.named.push(`${place}，${verb}${tierText(tier, state)}`);
    }
    this.into.set(tier, (this.into.get(tier) ?? 0) + 1);
    this.count++;
    this.plan(GATHER);
  }

  visited(): void {
    this.visits++;
    this.plan(GATHER);
  }

  private plan(delay: number): void {
    if (this.planned) return;
    this.planned = true;
    this.timers.set(() => this.speak(), delay);
  }

  private speak(): void {
    this.planned = false;
    const parts: string[] = [];
    if (this.count > NAMED) {
      const sums = TIERS.filter((tier) => this.into.has(tier)).map((tier) => `${COLOUR_NAME[tier]}${this.into.get(tier)}户`);
      parts.push(`${this.count}户四色变化，现为${sums.join("、")}`);
    } else parts.push(...this.named);
    if (this.visits > 0) parts.push(`${this.visits}户有新的随访`);
    if (parts.length === 0) return;
    this.say(`${parts.join("；")}。`);
    this.named.length = 0;
    this.into.clear();
    this.visits = 0;
    this.count = 0;
    // What arrives while this is being read waits for its end, as one sentence.
    this.planned = true;
    this.timers.set(() => {
      this.planned = false;
      if (this.count > 0 || this.visits > 0) this.speak();
    }, REST);
  }
}
