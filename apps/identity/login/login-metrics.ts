import { Problem } from '@tokenlog/platform/problem.js';
import { Counter } from 'prom-client';

const logins = new Counter({
  name: 'tokenlog_logins_total',
  help: 'Logins by method (password: local passwords and tokens in their place; oidc) and outcome (accepted, wrong, throttled, disabled, failed).',
  labelNames: ['method', 'outcome'],
});
const passwordChecks = new Counter({
  name: 'tokenlog_password_checks_total',
  help: 'Passwords that were entered, at logins and where they are asked for again, by outcome (right, wrong, throttled, otherwise: no password, and right in another way).',
  labelNames: ['outcome'],
});
const mails = new Counter({
  name: 'tokenlog_mails_total',
  help: 'Warnings of expiry by what became of their mail (mailed, mailed-before, expired, nobody, refused, failed: tried again).',
  labelNames: ['outcome'],
});

// From zero on: a rate needs the value before the first one.
for (const outcome of ['accepted', 'wrong', 'throttled', 'disabled', 'failed']) {
  for (const method of ['password', 'oidc']) logins.inc({ method, outcome }, 0);
}
for (const outcome of ['right', 'wrong', 'throttled', 'otherwise']) passwordChecks.inc({ outcome }, 0);
for (const outcome of ['mailed', 'refused', 'failed']) mails.inc({ outcome }, 0);

const REFUSALS = new Map([
  ['wrong-credentials', 'wrong'],
  ['too-many-attempts', 'throttled'],
  ['user-disabled', 'disabled'],
]);

/** Counts a login by what becomes of it. */
export async function countLogin<Result>(method: 'password' | 'oidc', login: Promise<Result>): Promise<Result> {
  try {
    const result = await login;
    logins.inc({ method, outcome: 'accepted' });
    return result;
  } catch (error) {
    const outcome = (error instanceof Problem && REFUSALS.get(error.code)) || 'failed';
    logins.inc({ method, outcome });
    throw error;
  }
}

/** Counts a password that was entered by what came of it. */
export async function countPasswordCheck<Result extends { readonly outcome: string }>(
  check: Promise<Result>,
): Promise<Result> {
  const result = await check;
  passwordChecks.inc({ outcome: result.outcome });
  return result;
}

/** Counts a mail by what became of it. */
export async function countMail<Outcome extends string>(mail: Promise<Outcome>): Promise<Outcome> {
  try {
    const outcome = await mail;
    mails.inc({ outcome });
    return outcome;
  } catch (error) {
    mails.inc({ outcome: 'failed' });
    throw error;
  }
}
