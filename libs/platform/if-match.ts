import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { headerParameter } from './header-parameter.js';
import { invalidRequest, Problem } from './problem.js';

/** RFC 9110, 8.8.3: what stands between the quotes; `"` ends it, a comma does not. */
const LISTED = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|$)/y;

/** A strong entity tag (RFC 9110, 8.8.3) as a header has it. */
export function entityTag(opaque: string): string {
  return `"${opaque}"`;
}

/**
 * What a request says must still hold of the thing that it changes (RFC 9110, 13.1.1). It is to be held against the state that
 * the change is decided on, in its transaction: between an earlier look and that, somebody else may change it.
 */
export class IfMatch {
  /** Of a request without the header: it holds of everything. */
  static readonly none = new IfMatch(null);

  private constructor(private readonly tags: '*' | readonly string[] | null) {}

  /**
   * Reads the header `If-Match`. Weak tags are read, and match nothing.
   * @throws Problem 400 `invalid-request` naming the header
   */
  static parse(header: string | undefined): IfMatch {
    if (header === undefined) return IfMatch.none;
    if (header.trim() === '*') return new IfMatch('*');
    const tags: string[] = [];
    let listed = 0;
    LISTED.lastIndex = 0;
    while (LISTED.lastIndex < header.length) {
      const found = LISTED.exec(header);
      if (!found) throw malformed();
      const [, weak, opaque] = found;
      if (opaque === undefined) continue;
      listed++;
      if (weak === undefined) tags.push(entityTag(opaque));
    }
    if (listed === 0) throw malformed();
    return new IfMatch(tags);
  }

  get isGiven(): boolean {
    return this.tags !== null;
  }

  /**
   * Passes where the request may go on.
   * @param present the entity tag of what is there now; null: it has none
   * @throws Problem 412 `precondition-failed`, with the present `ETag`
   */
  assertHolds(present: string | null): void {
    if (this.tags === null || this.tags === '*' || (present !== null && this.tags.includes(present))) return;
    const detail = 'If-Match: this has been changed since it was read with that ETag. Nothing was done.';
    throw new Problem('precondition-failed', detail, { headers: present === null ? {} : { ETag: present } });
  }
}

function malformed(): Problem {
  return invalidRequest([{ field: 'If-Match', detail: 'must be *, or entity tags in quotes as ETag has them' }]);
}

/** The header `If-Match` of a route that changes something. */
export const CurrentIfMatch = createParamDecorator(
  (_: unknown, context: ExecutionContext): IfMatch =>
    IfMatch.parse(context.switchToHttp().getRequest<Request>().headers['if-match']),
  [
    headerParameter({
      name: 'If-Match',
      description: 'The `ETag` of what was read: changes nothing and answers 412 where somebody has changed it since.',
      problems: ['precondition-failed'],
      answered: [{ name: 'ETag', description: 'Of what is there now.', statuses: [412] }],
    }),
  ],
);
