/** Asks for users of whom this service has not heard yet. */
export abstract class UnknownUsers {
  /** Learns of a user whose first event is still on its way. Nothing happens where identity does not answer. */
  abstract meet(userId: string): Promise<void>;
}
