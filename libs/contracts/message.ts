import { z } from 'zod';
import { readAddress } from './address.js';
import { instant } from './instant.js';

export { instant };

/**
 * The header of a request over NATS that says how long whoever asks waits for the answer, in milliseconds from when it is
 * sent: what comes later is neither done nor answered. Left out: two seconds.
 */
export const PATIENCE_HEADER = 'Tokenlog-Patience';

/** An event as it leaves a service: its JetStream subject, its schema and an example that the schema accepts. */
export interface EventContract<Schema extends z.ZodType = z.ZodType> {
  readonly subject: string;
  readonly schema: Schema;
  readonly example: z.output<Schema>;
}

/** A request over NATS and its reply, each with its schema and an example. */
export interface RequestContract<Request extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  readonly subject: string;
  readonly request: Request;
  readonly reply: Reply;
  readonly example: { readonly request: z.input<Request>; readonly reply: z.output<Reply> };
}

/** Declares an event; its example is type-checked against its schema. */
export function defineEvent<Schema extends z.ZodType>(contract: EventContract<Schema>): EventContract<Schema> {
  return contract;
}

/** Declares a request; its examples are type-checked against its schemas. */
export function defineRequest<Request extends z.ZodType, Reply extends z.ZodType>(
  contract: RequestContract<Request, Reply>,
): RequestContract<Request, Reply> {
  return contract;
}

/**
 * The answer to a request that does not parse, or that failed: never silence. `errors`: which of its fields are wrong. With `retryAfterSeconds` the same request may be
 * answered then: something that the service stands on is away, which `code` names.
 */
export const requestError = z.object({
  error: z.object({
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
    retryAfterSeconds: z.number().optional(),
  }),
});
export type RequestError = z.infer<typeof requestError>;

/** Text that can be kept: PostgreSQL takes neither NUL nor, in JSON, half of a surrogate pair. */
export const text = z
  .string()
  .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be Unicode text without NUL');

/** A password as it is entered. Halves of surrogate pairs are all the same byte for byte once they are encoded: none is let in. */
export const enteredPassword = z
  .string()
  .max(1024)
  .refine((value) => value.isWellFormed(), 'must be Unicode text');

/** An address, in one spelling. A text that is none is `null`: whom a proxy names wrongly must not be refused for it. */
export const address = z.string().transform(readAddress);

/** The name of a scope (what a guarded service asks for). */
export const scope = z
  .string()
  .regex(/^[a-z0-9][a-z0-9:._-]{0,63}$/, 'a scope is 1 to 64 of a-z 0-9 : . _ - and begins with a letter or digit');

/** The name of a role. */
export const role = z
  .string()
  .regex(/^[a-z0-9][a-z0-9:._-]{0,63}$/, 'a role is 1 to 64 of a-z 0-9 : . _ - and begins with a letter or digit');

/** Who did it: a user by id and account name, or the system itself. */
export const actor = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), id: z.uuid(), username: text }),
  z.object({ kind: z.literal('system') }),
]);
export type Actor = z.infer<typeof actor>;

/** What every published event carries. `version` is its place in its stream. */
export const eventBase = z.object({
  id: z.uuid(),
  at: instant,
  version: z.int().positive(),
  by: actor,
});
type EventBase = z.infer<typeof eventBase>;

/**
 * An event as the log of its service holds it, by its contract: what all carry stands beside `data` there. `About`: fields that
 * are not in `data` either, since the event is of that thing.
 */
export type StoredEvent<Contract extends EventContract, About extends string = never> =
  Contract extends EventContract<infer Schema> ? StoredForm<z.infer<Schema>, About> : never;

type StoredForm<Event, About extends string> = Event extends { readonly type: infer Type extends string }
  ? { type: Type; data: Omit<Event, keyof EventBase | 'type' | About> }
  : never;
