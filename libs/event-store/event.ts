/** An event that has not been appended yet. */
export interface NewEvent {
  readonly type: string;
  /** What JSON keeps as it is, so without `undefined` or dates: projections are given it as it was appended. */
  readonly data: object;
}

/** Who did it, and from where. */
export interface Metadata {
  readonly by: { readonly kind: 'user'; readonly id: string; readonly username: string } | { readonly kind: 'system' };
  readonly ip?: string | null;
  /** The credential it was done with. */
  readonly with?: { readonly kind: 'token' | 'session'; readonly id: string };
  /** The event of another service that this one follows from. */
  readonly causedBy?: string;
}

/** An event as the log holds it. */
export interface RecordedEvent<Event extends NewEvent = NewEvent> {
  /** Grows with every append; not the order of commits: see `Place`. */
  readonly position: string;
  readonly transactionId: string;
  readonly id: string;
  readonly stream: string;
  /** 1 for a stream's first event. */
  readonly version: number;
  readonly type: Event['type'];
  /** What the event is about, where its stream is not that thing's own. */
  readonly entity: string;
  readonly data: Event['data'];
  readonly metadata: Metadata;
  readonly recordedAt: Date;
}

/** What orders the events that one snapshot shows. Alone it is no place to go on from: see `Place`. */
export interface LogCursor {
  readonly transactionId: string;
  readonly position: string;
}

/** A thing whose state is the fold of its stream. */
export interface Aggregate<State, Event extends NewEvent> {
  readonly stream: (id: string) => string;
  readonly initial: State;
  /** Never decides, throws or logs. */
  readonly evolve: (state: State, event: Event) => State;
}

/** Somebody else appended to the stream since it was read. */
export class ConcurrencyError extends Error {
  override name = 'ConcurrencyError';
}
