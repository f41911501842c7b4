import { FENCE_AFTER, LEASE, MARGIN, RevocationModel, type Safeguard } from './model/revocation-model.js';

/** Half a minute on one core that has nothing else to do. */
const TIMEOUT_MS = 300_000;

/** The shortest run to a broken promise, for each safeguard that is taken away. */
const BROKEN_WITHOUT: Partial<Record<Safeguard, string[]>> = {
  checksLease: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'time passes',
    'time passes',
    'guard 1 has a lease, its clock is slow',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'time passes',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  waitsForAcknowledgements: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  refusesStaleReplies: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'guard 1 acknowledges the invalidation by service 1, a reply is waiting',
    'guard 1 installs the reply',
    'service 1 reads the leases',
    'service 1 has the acknowledgement of guard 1',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  refusesRepliesOfFormerEpochs: [
    'guard 1 sends a heartbeat',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 installs the reply',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  clearsWhenLeaseLapsed: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'time passes',
    'time passes',
    'guard 1 has a lease, its clock is slow',
    'guard 1 sends a heartbeat',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'time passes',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a new lease, its last one had run out',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  clearsWhenFenced: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 sends a heartbeat',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'service 1 fences guard 1',
    'the heartbeat of guard 1 is refused',
    'guard 1 learns that it is fenced and takes a new id',
    'service 2 finds the token revoked and sends its invalidation',
    'service 2 reads the leases',
    'service 2 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  measuresLeaseFromSending: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'time passes',
    'time passes',
    'time passes',
    'guard 1 has a lease',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  allowsForClockRates: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'time passes',
    'time passes',
    'guard 1 has a lease, its clock is slow',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  readsRenewals: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'time passes',
    'time passes',
    'guard 1 has a lease, its clock is slow',
    'guard 1 sends a heartbeat',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 sends its invalidation',
    'service 1 reads the leases',
    'the heartbeat of guard 1 is stored',
    'guard 1 renews its lease',
    'time passes',
    'service 1 reads that the lease of guard 1 has run out',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  readsLeasesAfterCommit: [
    'guard 1 sends a heartbeat',
    'service 1 reads the leases',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  invalidatesAfterCommit: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'service 1 sends its invalidation',
    'guard 1 acknowledges the invalidation by service 1',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 1 reads the leases',
    'service 1 has the acknowledgement of guard 1',
    'service 1 answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
  waitsWhenRetried: [
    'guard 1 sends a heartbeat',
    'the heartbeat of guard 1 is stored',
    'guard 1 has a lease',
    'guard 1 sends a verification',
    'a service replies to guard 1: active',
    'guard 1 installs the reply',
    'service 1 commits the revocation',
    'service 2 finds the token revoked and answers',
    'guard 1 accepts a verification that starts after the answer',
  ],
};

describe('revocation, in every run of 2 services, 2 guards and a token', () => {
  let all: ReturnType<RevocationModel['explore']>;
  const taken = (step: string) => all.taken.get(step) ?? 0;

  beforeAll(() => {
    all = new RevocationModel(null, { guards: 2, symmetry: true }).explore();
  }, TIMEOUT_MS);

  it('no verification that starts after an answer is accepted', () => {
    expect(all.trace).toBeNull();
    expect(all.states).toBeGreaterThan(8_000_000);
  });

  it('a service that keeps running answers, whatever the guards do, after two leases at the latest', () => {
    expect(all.slowestAnswer).toBe(FENCE_AFTER + LEASE + MARGIN - 1);
  });

  it('a retry at the other service is answered when the first was killed between commit and answer', () => {
    expect(taken('service # is killed')).toBeGreaterThan(0);
    expect(taken('service # answers the retry')).toBeGreaterThan(0);
  });

  it.each([
    'guard # accepts a verification from memory',
    'service # has the acknowledgement of guard #',
    'service # reads that the lease of guard # has run out',
    'guard # renews its lease, its clock is slow',
    'guard # forgets the token and has a new lease, its last one had run out',
    'guard # acknowledges the invalidation by service #, a reply is waiting',
    'a heartbeat of guard #, or its answer, is lost',
    'service # fences guard #',
    'guard # learns that it is fenced and takes a new id',
  ])('among them are those where %s', (step) => {
    expect(taken(step)).toBeGreaterThan(0);
  });

  it('among them are those where a guard still accepts while the revocation waits for it', () => {
    expect(all.acceptedAfterCommit).toBeGreaterThan(0);
  });
});

// One guard is enough to break the promise, and the run is read more easily.
describe('revocation, with one safeguard taken away', () => {
  const without = (safeguard: Safeguard) => new RevocationModel(safeguard, { guards: 1, symmetry: false });

  it.each(Object.entries(BROKEN_WITHOUT) as [Safeguard, string[]][])(
    'without %s a verification that starts after the answer is accepted',
    (safeguard, trace) => {
      const shortest = without(safeguard).counterexample();
      expect(shortest).toEqual(trace);
      expect(shortest?.some((step) => /^service . (answers|finds the token revoked and answers)/.test(step))).toBe(
        true,
      );
      expect(shortest?.at(-1)).toBe('guard 1 accepts a verification that starts after the answer');
    },
    TIMEOUT_MS,
  );

  it('without fencesSilentGuards a revocation may wait for ever, and nothing wrong is accepted', () => {
    const { trace, slowestAnswer } = without('fencesSilentGuards').explore();
    expect(trace).toBeNull();
    expect(slowestAnswer).toBe(Number.POSITIVE_INFINITY);
  });

  it('without installsUnderLeaseOnly the promise still holds: what is installed outside a lease is cleared with the next', () => {
    expect(without('installsUnderLeaseOnly').explore().trace).toBeNull();
  });
});
