import { type Exploration, explore, type Label, type Machine } from './explore.js';

/**
 * The revocation protocol of `docs/revocation.md` as a state machine: services, guards, one token, one table, messages that are
 * lost, delayed, repeated and overtaken. Times are what is left or past, in ticks, never dates, so that runs of any length
 * are finitely many states. Nobody ever has to move: a guard that does not move while ticks pass is a frozen one, and
 * what it does when it wakes it does with whatever messages are waiting, in any order.
 *
 * Bounds: a guard has one heartbeat and one verification under way at a time, but any number of them one after the other; each
 * service takes one request to revoke; one service is killed. Not bounded: how long it goes on, how late a message comes
 * and how often, renewals, lapses, fencings.
 */

/** How long a lease lasts by the guard's clock, in ticks. */
export const LEASE = 2;
/** How much later it may end by the table's clock: what a clock that is slow can make of a lease. */
export const MARGIN = 1;
/** How long a guard that renews and does not acknowledge is put up with, in ticks. */
export const FENCE_AFTER = LEASE + MARGIN;

export const SAFEGUARDS = [
  /** A guard answers from memory only under a live lease. */
  'checksLease',
  /** A revocation answers only when each guard with a live lease has acknowledged, or its lease has run out. */
  'waitsForAcknowledgements',
  /** A guard does not install the reply to a verification during which an invalidation of the token went by. */
  'refusesStaleReplies',
  /** … nor the reply to one that was sent in a former epoch. */
  'refusesRepliesOfFormerEpochs',
  /** A guard whose lease had run out forgets everything before it takes a new one. */
  'clearsWhenLeaseLapsed',
  /** A guard that is fenced off forgets everything before it takes a new id. */
  'clearsWhenFenced',
  /** A lease is measured from when the heartbeat was sent, not from when its answer came. */
  'measuresLeaseFromSending',
  /** The table's lease is longer than the guard's by what clocks may differ. */
  'allowsForClockRates',
  /** A service that waits reads the lease again: a renewal counts. */
  'readsRenewals',
  /** The leases are read after the commit. */
  'readsLeasesAfterCommit',
  /** The invalidation is sent after the commit. */
  'invalidatesAfterCommit',
  /** The revocation of a token that is revoked already waits too. */
  'waitsWhenRetried',
  /** A guard that renews and never acknowledges gets no more renewals. Without it a revocation may wait for ever. */
  'fencesSilentGuards',
  /** An entry is installed only under a live lease. The promise does not need it. */
  'installsUnderLeaseOnly',
] as const;
export type Safeguard = (typeof SAFEGUARDS)[number];

/** What a service does about the revocation. */
enum Service {
  Idle,
  /** Has begun, and not committed: only without `readsLeasesAfterCommit` or `invalidatesAfterCommit`. */
  Prepared,
  Committed,
  /** Invalidates, again and again, and has not read the leases yet. */
  Told,
  /** Has read the leases too. */
  Waiting,
  Answered,
  KilledBeforeInvalidating,
  KilledWhileWaiting,
}

/** What a service still wants of a guard. */
enum Wait {
  Over,
  Unacknowledged,
  AcknowledgementSent,
  /** As `Unacknowledged`, and the guard has taken a new id since: what is left is its former lease. */
  OfFormerId,
}

/** A guard's verification under way. One whose reply can no longer be installed is not followed further. */
enum Verification {
  None,
  Sent,
  SentAfterAnswer,
  RepliedActive,
  /** Replied `active` to a verification that began after an answer: what must never be. */
  RepliedActiveAfterAnswer,
}

/** A guard's heartbeat under way; one that was sent or granted is as many more as it has ticks since it was sent. */
const Heartbeat = { None: 0, Refused: 1, Sent: 2, Granted: 2 + LEASE + MARGIN + 1 };

interface GuardState {
  /** Ticks for which answers may come from memory; 0: the lease is out. */
  leaseLeft: number;
  /** Whether it holds the token. */
  entry: boolean;
  heartbeat: number;
  verification: Verification;
  /** Its row of `guard_leases`: ticks to `expires_at`, 0: out. */
  rowLeft: number;
  fenced: boolean;
  /** The row of the id that it had before, while a service waits for that. */
  formerRowLeft: number;
  /** For each service. */
  waits: [Wait, Wait];
  /** Ticks to the `expires_at` that each service read first: only without `readsRenewals`. */
  firstRead: [number, number];
  /** Not followed further. */
  isLeftOut: boolean;
}

interface State {
  readonly guards: GuardState[];
  readonly services: [Service, Service];
}

export interface Bounds {
  readonly guards: 1 | 2;
  /** Whether guards and services that can be exchanged count as the same. Traces are easier to read without. */
  readonly symmetry: boolean;
}

// Within jest each look-up of a global is slow.
const { max } = Math;
const BOTH = [0, 1] as const;

export class RevocationModel implements Machine<State> {
  readonly initial: State;
  private readonly has: Record<Safeguard, boolean>;
  private readonly rowLasts: number;
  /** Then a verification that is under way outside a lease comes to nothing, and is not followed. */
  private readonly isInstalledUnderLease: boolean;

  constructor(
    without: Safeguard | null,
    private readonly bounds: Bounds,
  ) {
    this.has = Object.fromEntries(SAFEGUARDS.map((each) => [each, each !== without])) as Record<Safeguard, boolean>;
    this.isInstalledUnderLease =
      this.has.installsUnderLeaseOnly && this.has.clearsWhenLeaseLapsed && this.has.refusesRepliesOfFormerEpochs;
    this.rowLasts = LEASE + (this.has.allowsForClockRates ? MARGIN : 0);
    this.initial = {
      guards: Array.from({ length: bounds.guards }, newGuard),
      services: [Service.Idle, Service.Idle],
    };
  }

  /** Visits every state, or ends at the first acceptance that the promise rules out. */
  explore(): Exploration & { readonly slowestAnswer: number; readonly acceptedAfterCommit: number } {
    let slowestAnswer = 0;
    let acceptedAfterCommit = 0;
    const known = new Map<number, number>();
    const exploration = explore<State>(this, (state) => {
      const { services, guards } = state;
      for (const service of BOTH) {
        if (services[service] === Service.Waiting) {
          const ticks = this.ticksToAnswer(state, service, known);
          if (ticks > slowestAnswer) slowestAnswer = ticks;
        }
      }
      if (isRevoked(services) && guards.some((guard) => this.answersFromMemory(guard))) acceptedAfterCommit++;
      return this.accepting(state) !== -1;
    });
    return { ...exploration, slowestAnswer, acceptedAfterCommit };
  }

  /** The shortest way to an acceptance that the promise rules out, one line a step; `null` if there is none. */
  counterexample(): string[] | null {
    let guard = -1;
    const { trace } = explore<State>(this, (state) => {
      guard = this.accepting(state);
      return guard !== -1;
    });
    return trace && [...trace.map(tell), `guard ${guard + 1} accepts a verification that starts after the answer`];
  }

  /** The guard that accepts, now, a verification that began after an answer; -1: none, and the promise holds. */
  private accepting({ guards, services }: State): number {
    return guards.findIndex(
      (guard) =>
        guard.verification === Verification.RepliedActiveAfterAnswer ||
        (services.includes(Service.Answered) && this.answersFromMemory(guard)),
    );
  }

  private answersFromMemory({ entry, leaseLeft }: GuardState): boolean {
    return entry && (leaseLeft > 0 || !this.has.checksLease);
  }

  steps(state: State, take: (label: Label, next: State) => void): void {
    const { guards, services } = state;
    // What a service learns changes nothing but when it may answer, and it may answer late: so it learns at once.
    for (const service of BOTH) if (this.learns(state, service, take)) return;
    const revoked = isRevoked(services);
    take(TIME_PASSES, this.tick(state));
    for (const [g, guard] of guards.entries()) {
      if (guard.isLeftOut) continue;
      if (this.answersFromMemory(guard)) take([MEMORY, g + 1], state);
      const become = (label: string, change: Partial<GuardState>) => take([label, g + 1], changed(state, g, change));
      this.heartbeatSteps(guard, become);
      this.verificationSteps(guard, revoked, services.includes(Service.Answered), become);
      for (const service of BOTH) {
        if (this.isInvalidating(services[service])) {
          const text =
            guard.verification === Verification.RepliedActive
              ? 'guard # acknowledges the invalidation by service #, a reply is waiting'
              : 'guard # acknowledges the invalidation by service #';
          take([text, g + 1, service + 1], {
            ...state,
            guards: guards.with(g, this.invalidated(guard, service)),
          });
        }
      }
    }
    for (const service of BOTH) this.serviceSteps(state, service, take);
  }

  private heartbeatSteps(guard: GuardState, become: (label: string, change: Partial<GuardState>) => void): void {
    const { heartbeat, rowLeft, fenced, leaseLeft } = guard;
    if (heartbeat === Heartbeat.None) {
      become('guard # sends a heartbeat', { heartbeat: Heartbeat.Sent });
      return;
    }
    become('a heartbeat of guard #, or its answer, is lost', { heartbeat: Heartbeat.None });
    if (heartbeat === Heartbeat.Refused) {
      become('guard # learns that it is fenced and takes a new id', {
        ...(this.has.clearsWhenFenced ? this.lapsed(guard) : {}),
        heartbeat: Heartbeat.None,
        rowLeft: 0,
        fenced: false,
        formerRowLeft: guard.waits.every((wait) => wait === Wait.Over) ? 0 : rowLeft,
        waits: guard.waits.map(formerWait) as [Wait, Wait],
      });
    } else if (heartbeat < Heartbeat.Granted) {
      if (fenced) become('the heartbeat of guard # is refused', { heartbeat: Heartbeat.Refused });
      else {
        become('the heartbeat of guard # is stored', {
          heartbeat: heartbeat - Heartbeat.Sent + Heartbeat.Granted,
          rowLeft: this.rowLasts,
        });
      }
    } else {
      const age = this.has.measuresLeaseFromSending ? heartbeat - Heartbeat.Granted : 0;
      for (const slow of [0, MARGIN]) {
        const label = leaseLeft > 0 ? 'guard # renews its lease' : this.leaseAfterGap(guard);
        become(slow ? `${label}, its clock is slow` : label, {
          ...(leaseLeft === 0 ? this.lapsed(guard) : {}),
          heartbeat: Heartbeat.None,
          leaseLeft: max(leaseLeft, LEASE + slow - age),
        });
      }
    }
  }

  private leaseAfterGap({ entry }: GuardState): string {
    if (!entry) return 'guard # has a lease';
    if (!this.has.clearsWhenLeaseLapsed) return 'guard # has a new lease, its last one had run out';
    return 'guard # forgets the token and has a new lease, its last one had run out';
  }

  /** What a guard does before it takes a lease after a gap, or a new id: forget, and begin a new epoch. */
  private lapsed({ verification }: GuardState): Partial<GuardState> {
    return {
      leaseLeft: 0,
      ...(this.has.clearsWhenLeaseLapsed ? { entry: false } : {}),
      ...(this.has.refusesRepliesOfFormerEpochs ? { verification: notInstalled(verification) } : {}),
    };
  }

  private verificationSteps(
    { verification, leaseLeft }: GuardState,
    revoked: boolean,
    answered: boolean,
    become: (label: string, change: Partial<GuardState>) => void,
  ): void {
    if (verification === Verification.None) {
      if (leaseLeft === 0 && !answered && this.isInstalledUnderLease) return;
      const sent = answered ? Verification.SentAfterAnswer : Verification.Sent;
      become('guard # sends a verification', { verification: sent });
      return;
    }
    if (verification === Verification.Sent || verification === Verification.RepliedActive) {
      become('a verification of guard #, or its reply, is lost', { verification: Verification.None });
    }
    if (verification === Verification.Sent || verification === Verification.SentAfterAnswer) {
      if (revoked) become('a service replies to guard #: revoked', { verification: Verification.None });
      else {
        become('a service replies to guard #: active', {
          verification:
            verification === Verification.Sent ? Verification.RepliedActive : Verification.RepliedActiveAfterAnswer,
        });
      }
    } else if (leaseLeft > 0 || !this.has.installsUnderLeaseOnly) {
      become('guard # installs the reply', { verification: Verification.None, entry: true });
    }
  }

  private invalidated(guard: GuardState, service: 0 | 1): GuardState {
    const { verification, waits } = guard;
    return {
      ...guard,
      entry: false,
      verification: this.has.refusesStaleReplies ? notInstalled(verification) : verification,
      waits:
        waits[service] === Wait.Unacknowledged
          ? (waits.with(service, Wait.AcknowledgementSent) as [Wait, Wait])
          : waits,
    };
  }

  /** An invalidation that has been sent once may come at any time, and again. */
  private isInvalidating(service: Service): boolean {
    if (service === Service.Prepared) return !this.has.invalidatesAfterCommit;
    return [Service.Told, Service.Waiting, Service.Answered, Service.KilledWhileWaiting].includes(service);
  }

  private serviceSteps(state: State, service: 0 | 1, take: (label: Label, next: State) => void): void {
    const { services, guards } = state;
    const become = (label: string, next: Service, after = state) =>
      take([label, service + 1], {
        ...after,
        services: after.services.with(service, next) as [Service, Service],
      });
    switch (services[service]) {
      case Service.Idle:
        if (!this.has.waitsWhenRetried && isRevoked(services)) {
          become('service # finds the token revoked and answers', Service.Answered);
        } else if (!this.has.readsLeasesAfterCommit) {
          become('service # reads the leases', Service.Prepared, this.readLeases(state, service));
        } else if (!this.has.invalidatesAfterCommit) {
          become('service # sends its invalidation', Service.Prepared, tellAll(state, service));
        } else if (isRevoked(services)) {
          const label = 'service # finds the token revoked and sends its invalidation';
          become(label, Service.Told, tellAll(withoutTwin(state), service));
        } else become('service # commits the revocation', Service.Committed);
        return;
      case Service.Prepared:
        if (!this.has.readsLeasesAfterCommit) become('service # commits the revocation', Service.Waiting);
        else become('service # commits the revocation', Service.Told);
        return;
      case Service.Committed:
        become('service # sends its invalidation', Service.Told, tellAll(state, service));
        this.killStep(state, service, Service.KilledBeforeInvalidating, become);
        return;
      case Service.Told:
        become('service # reads the leases', Service.Waiting, this.readLeases(state, service));
        this.killStep(state, service, Service.KilledWhileWaiting, become);
        return;
      case Service.Waiting:
        for (const [g, guard] of guards.entries()) {
          if (!this.mayFence(guard)) continue;
          take(['service # fences guard #', service + 1, g + 1], changed(state, g, { fenced: true }));
        }
        if (!this.has.waitsForAcknowledgements || guards.every(({ waits }) => waits[service] === Wait.Over)) {
          for (const g of guards.keys()) {
            become(
              isKilled(services[1 - service]!) ? 'service # answers the retry' : 'service # answers',
              Service.Answered,
              followOnly(g, noWaits(state, service)),
            );
          }
        }
        this.killStep(state, service, Service.KilledWhileWaiting, become);
        return;
      default:
    }
  }

  /** One service is killed in a run; the other one takes the retry. */
  private killStep(
    state: State,
    service: 0 | 1,
    next: Service,
    become: (label: string, next: Service, after: State) => void,
  ): void {
    if (isKilled(state.services[1 - service]!)) return;
    become('service # is killed', next, noWaits(state, service));
  }

  /** One reading of the table: which guards must be waited for. Some have acknowledged already. */
  private readLeases(state: State, service: 0 | 1): State {
    return {
      ...state,
      guards: state.guards.map((guard) => {
        const { rowLeft, waits } = guard;
        if (waits[service] === Wait.AcknowledgementSent) return guard;
        const read = waitFor(guard, service, rowLeft > 0 ? Wait.Unacknowledged : Wait.Over);
        if (!this.has.readsRenewals) read.firstRead = guard.firstRead.with(service, rowLeft) as [number, number];
        return read;
      }),
    };
  }

  /** An acknowledgement that has come, or a lease that has run out: one, if there is any. */
  private learns(state: State, service: 0 | 1, take: (label: Label, next: State) => void): boolean {
    if (state.services[service] !== Service.Waiting) return false;
    for (const [g, guard] of state.guards.entries()) {
      const wait = guard.waits[service];
      if (wait === Wait.Over) continue;
      const acknowledged = wait === Wait.AcknowledgementSent;
      if (!acknowledged && !this.hasRunOut(guard, service)) continue;
      const label = acknowledged
        ? 'service # has the acknowledgement of guard #'
        : 'service # reads that the lease of guard # has run out';
      take([label, service + 1, g + 1], {
        ...state,
        guards: state.guards.with(g, waitFor(guard, service, Wait.Over)),
      });
      return true;
    }
    return false;
  }

  private hasRunOut(guard: GuardState, service: 0 | 1): boolean {
    if (guard.waits[service] === Wait.OfFormerId) return guard.formerRowLeft === 0;
    return (this.has.readsRenewals ? guard.rowLeft : guard.firstRead[service]) === 0;
  }

  /**
   * A service that waits may fence at any time here, and also a guard that has acknowledged, for it may not have heard: the
   * promise does not hang on when. One former lease at a time, for the next one can be fenced only when that has run out.
   */
  private mayFence({ fenced, rowLeft, waits }: GuardState): boolean {
    return this.has.fencesSilentGuards && !fenced && rowLeft > 0 && !waits.includes(Wait.OfFormerId);
  }

  private tick({ guards, services }: State): State {
    return {
      guards: guards.map((guard) => ({
        ...guard,
        leaseLeft: down(guard.leaseLeft),
        verification:
          guard.leaseLeft <= 1 && this.isInstalledUnderLease ? notInstalled(guard.verification) : guard.verification,
        heartbeat: older(guard.heartbeat),
        rowLeft: down(guard.rowLeft),
        formerRowLeft: down(guard.formerRowLeft),
        firstRead: this.has.readsRenewals ? guard.firstRead : (guard.firstRead.map(down) as [number, number]),
      })),
      services,
    };
  }

  /**
   * How long a service that keeps running waits at most, whatever the guards do: no acknowledgement arrives, and each
   * guard that is not fenced renews in every tick. Infinite: for ever.
   */
  private ticksToAnswer(from: State, service: 0 | 1, known: Map<number, number>): number {
    const key = from.guards.reduce((sum, g) => (sum << 11) | keyOfWait(g, service), 0);
    const before = known.get(key);
    if (before !== undefined) return before;
    let state = from;
    let ticks = 0;
    for (; ticks <= 4 * FENCE_AFTER; ticks++) {
      const guards = state.guards.map((guard) => {
        if (this.hasRunOut(guard, service)) return waitFor(guard, service, Wait.Over);
        return ticks >= FENCE_AFTER && this.has.fencesSilentGuards ? { ...guard, fenced: true } : guard;
      });
      if (guards.every(({ waits }) => waits[service] === Wait.Over)) break;
      const renewed = guards.map((guard) => (guard.fenced ? guard : { ...guard, rowLeft: this.rowLasts }));
      state = this.tick({ ...state, guards: renewed });
    }
    if (ticks > 4 * FENCE_AFTER) ticks = Number.POSITIVE_INFINITY;
    known.set(key, ticks);
    return ticks;
  }

  name({ guards, services }: State, words: Uint32Array): void {
    if (!this.bounds.symmetry) {
      write(words, guardWord(guards[0]!, 0), guards[1] ? guardWord(guards[1], 0) : 0, serviceWord(services, 0));
      return;
    }
    for (const swap of BOTH) {
      let low = guardWord(guards[0]!, swap);
      let high = guards[1] ? guardWord(guards[1], swap) : 0;
      if (guards[1] && low > high) [low, high] = [high, low];
      const both = serviceWord(services, swap);
      if (swap === 0 || isLess(low, high, both, words)) write(words, low, high, both);
    }
  }

  read(words: Uint32Array): State {
    const last = words[2]!;
    return {
      guards: this.bounds.guards === 1 ? [guardOf(words[0]!)] : [guardOf(words[0]!), guardOf(words[1]!)],
      services: [last & 7, (last >>> 3) & 7],
    };
  }
}

const TIME_PASSES: Label = ['time passes'];
const MEMORY = 'guard # accepts a verification from memory';

function newGuard(): GuardState {
  return {
    leaseLeft: 0,
    entry: false,
    heartbeat: Heartbeat.None,
    verification: Verification.None,
    rowLeft: 0,
    fenced: false,
    formerRowLeft: 0,
    waits: [Wait.Over, Wait.Over],
    firstRead: [0, 0],
    isLeftOut: false,
  };
}

const LEFT_OUT: GuardState = { ...newGuard(), isLeftOut: true };

function changed(state: State, guard: number, change: Partial<GuardState>): State {
  return { ...state, guards: state.guards.with(guard, { ...state.guards[guard]!, ...change }) };
}

function waitFor(guard: GuardState, service: 0 | 1, wait: Wait): GuardState {
  return { ...guard, waits: guard.waits.with(service, wait) as [Wait, Wait] };
}

/** An invalidation that goes out before it is known whom to wait for: whoever acknowledges it is noted. */
function tellAll(state: State, service: 0 | 1): State {
  return { ...state, guards: state.guards.map((guard) => waitFor(guard, service, Wait.Unacknowledged)) };
}

function noWaits(state: State, service: 0 | 1): State {
  return {
    ...state,
    guards: state.guards.map((guard) => ({
      ...waitFor(guard, service, Wait.Over),
      firstRead: guard.firstRead.with(service, 0) as [number, number],
    })),
  };
}

/** After an answer no guard has to do with another any more: each is followed alone. */
function followOnly(guard: number, state: State): State {
  return { ...state, guards: state.guards.map((each, g) => (g === guard ? each : LEFT_OUT)) };
}

/** A service that has committed and one that has not begun do the same next, once the token is revoked: invalidate. */
function withoutTwin(state: State): State {
  const services = state.services.map((each) => (each === Service.Committed ? Service.Idle : each));
  return { ...state, services: services as [Service, Service] };
}

function formerWait(wait: Wait): Wait {
  return wait === Wait.Over ? Wait.Over : Wait.OfFormerId;
}

/** The verifications that may still be installed are followed no further when that has been ruled out. */
function notInstalled(verification: Verification): Verification {
  return verification === Verification.Sent || verification === Verification.RepliedActive
    ? Verification.None
    : verification;
}

function isRevoked(services: readonly Service[]): boolean {
  return services.some((service) => service >= Service.Committed);
}

function isKilled(service: Service): boolean {
  return service === Service.KilledBeforeInvalidating || service === Service.KilledWhileWaiting;
}

function down(ticks: number): number {
  return ticks > 0 ? ticks - 1 : 0;
}

function older(heartbeat: number): number {
  const isOldest = heartbeat === Heartbeat.Granted - 1 || heartbeat === Heartbeat.Granted + LEASE + MARGIN;
  return heartbeat < Heartbeat.Sent || isOldest ? heartbeat : heartbeat + 1;
}

function tell([text, ...about]: Label): string {
  return about.reduce<string>((told, each) => told.replace('#', String(each)), text);
}

function guardWord(guard: GuardState, swap: 0 | 1): number {
  const { waits, firstRead } = guard;
  const other = 1 - swap;
  return (
    (guard.leaseLeft |
      (guard.entry ? 1 << 2 : 0) |
      (guard.heartbeat << 3) |
      (guard.verification << 7) |
      (guard.rowLeft << 10) |
      (guard.fenced ? 1 << 12 : 0) |
      (guard.formerRowLeft << 13) |
      (waits[swap]! << 15) |
      (waits[other]! << 18) |
      (firstRead[swap]! << 21) |
      (firstRead[other]! << 23) |
      (guard.isLeftOut ? 1 << 25 : 0)) >>>
    0
  );
}

function guardOf(word: number): GuardState {
  return {
    leaseLeft: word & 3,
    entry: (word & 4) !== 0,
    heartbeat: (word >>> 3) & 15,
    verification: (word >>> 7) & 7,
    rowLeft: (word >>> 10) & 3,
    fenced: ((word >>> 12) & 1) === 1,
    formerRowLeft: (word >>> 13) & 3,
    waits: [(word >>> 15) & 7, (word >>> 18) & 7],
    firstRead: [(word >>> 21) & 3, (word >>> 23) & 3],
    isLeftOut: ((word >>> 25) & 1) === 1,
  };
}

function serviceWord(services: readonly Service[], swap: 0 | 1): number {
  return services[swap]! | (services[1 - swap]! << 3);
}

/** All of a guard that has to do with how long a service waits for it. */
function keyOfWait({ waits, rowLeft, formerRowLeft, fenced, firstRead }: GuardState, service: 0 | 1): number {
  return waits[service] | (rowLeft << 3) | (formerRowLeft << 5) | (fenced ? 1 << 7 : 0) | (firstRead[service] << 8);
}

function write(words: Uint32Array, first: number, second: number, third: number): void {
  words[0] = first;
  words[1] = second;
  words[2] = third;
}

function isLess(first: number, second: number, third: number, words: Uint32Array): boolean {
  if (first !== words[0]) return first < words[0]!;
  if (second !== words[1]) return second < words[1]!;
  return third < words[2]!;
}
