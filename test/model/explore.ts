// Taken once: within jest each look-up of a global costs more than the multiplication.
const { imul } = Math;

/** A state machine whose states are named by three 32-bit words: equal words, same state. */
export interface Machine<State> {
  readonly initial: State;
  /** Writes a state's name. States that differ by a symmetry only may have one name. */
  name(state: State, words: Uint32Array): void;
  read(words: Uint32Array): State;
  /** Every step that is possible. */
  steps(state: State, take: (label: Label, next: State) => void): void;
}

/** What a step is, told only when a trace is. */
export type Label = readonly [text: string, ...about: number[]];

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  /** Steps from the start to the farthest state. */
  readonly depth: number;
  /** How often each kind of step was taken. */
  readonly taken: ReadonlyMap<string, number>;
  /** Labels of the shortest way to a state that was looked for, or `null` if there is none. */
  readonly trace: Label[] | null;
}

/**
 * Visits every state that can be reached, the nearest first.
 * @param isSought ends the exploration with the shortest way to the first state that it holds for
 */
export function explore<State>(machine: Machine<State>, isSought: (state: State) => boolean): Exploration {
  const known = new Names();
  const words = new Uint32Array(3);
  const parents: number[] = [-1];
  const taken = new Map<string, number>();
  machine.name(machine.initial, words);
  known.add(words);
  let steps = 0;
  let depth = 0;
  let endOfLayer = 1;
  for (let index = 0; index < known.size; index++) {
    if (index === endOfLayer) {
      depth++;
      endOfLayer = known.size;
    }
    known.copy(index, words);
    const state = machine.read(words);
    if (isSought(state)) {
      return { states: known.size, steps, depth, taken, trace: traceTo(machine, known, parents, index) };
    }
    machine.steps(state, ([text], next) => {
      steps++;
      taken.set(text, (taken.get(text) ?? 0) + 1);
      machine.name(next, words);
      if (known.add(words)) parents.push(index);
    });
  }
  return { states: known.size, steps, depth, taken, trace: null };
}

function traceTo<State>(machine: Machine<State>, known: Names, parents: number[], end: number): Label[] {
  const trace: Label[] = [];
  const words = new Uint32Array(3);
  for (let index = end; index > 0; index = parents[index]!) {
    known.copy(parents[index]!, words);
    let found: Label | undefined;
    machine.steps(machine.read(words), (label, next) => {
      machine.name(next, words);
      if (known.is(index, words)) found ??= label;
    });
    trace.unshift(found!);
  }
  return trace;
}

/** The states that are known, in the order in which they were found: millions, so flat arrays and open addressing. */
class Names {
  size = 0;
  private all = new Uint32Array(3 << 12);
  private slots = new Int32Array(1 << 14).fill(-1);

  add(words: Uint32Array): boolean {
    const slot = this.slotOf(words);
    if (this.slots[slot] !== -1) return false;
    const at = 3 * this.size;
    if (at === this.all.length) this.grow();
    this.all[at] = words[0]!;
    this.all[at + 1] = words[1]!;
    this.all[at + 2] = words[2]!;
    this.slots[slot] = this.size++;
    if (2 * this.size > this.slots.length) this.rehash();
    return true;
  }

  copy(index: number, words: Uint32Array): void {
    const at = 3 * index;
    words[0] = this.all[at]!;
    words[1] = this.all[at + 1]!;
    words[2] = this.all[at + 2]!;
  }

  is(index: number, words: Uint32Array): boolean {
    const at = 3 * index;
    return this.all[at] === words[0] && this.all[at + 1] === words[1] && this.all[at + 2] === words[2];
  }

  private grow(): void {
    const more = new Uint32Array(2 * this.all.length);
    more.set(this.all);
    this.all = more;
  }

  private rehash(): void {
    this.slots = new Int32Array(4 * this.slots.length).fill(-1);
    const words = new Uint32Array(3);
    for (let index = 0; index < this.size; index++) {
      this.copy(index, words);
      this.slots[this.slotOf(words)] = index;
    }
  }

  /** Where a state is, or would be. */
  private slotOf(words: Uint32Array): number {
    let hash = imul(words[0]!, 0x9e3779b1) ^ imul(words[1]!, 0x85ebca77) ^ imul(words[2]!, 0xc2b2ae3d);
    hash = imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let index = this.slots[slot]!; index !== -1 && !this.is(index, words); index = this.slots[slot]!) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
}
