import type { FieldError } from '@tokenlog/contracts/problems.js';
import { MISSING } from './schema-words.js';

/** The most fields that one answer names. */
export const MOST_NAMED = 20;
/** What is named of what somebody sent: a credential or a password that was put there by mistake is longer, or has other characters. */
const NAMEABLE = /^[A-Za-z_]{1,32}$/;

/** What a schema finds, by Standard Schema; and, by zod, what a union's members find. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}

/**
 * The fields that a schema finds wrong.
 * @param whole names what was checked, where no field of it is meant: `body`, `query`, or a parameter's own name
 */
export function wrongFields(issues: readonly Issue[], whole: string, path: readonly string[] = []): FieldError[] {
  return issues
    .filter(isLastOfItsKind)
    .slice(0, MOST_NAMED)
    .flatMap((issue) => {
      const at = [...path, ...pathOf(issue)];
      if (issue.code === 'unrecognized_keys' && issue.keys) return unknownFields(issue.keys, whole, at);
      const nearest = nearestOf(issue.errors);
      return nearest ? wrongFields(nearest, whole, at) : [{ field: named(at, whole), detail: issue.message }];
    });
}

/** Fields that a request has and should not have. One that may be a secret in the wrong place is not named. */
export function unknownFields(names: readonly string[], whole: string, path: readonly string[] = []): FieldError[] {
  return names.slice(0, MOST_NAMED).map((name) => {
    if (NAMEABLE.test(name)) return { field: [...path, name].join('.'), detail: 'is not known here' };
    return { field: named(path, whole), detail: 'has a field that is not known here' };
  });
}

/** A number beyond what numbers hold is beyond the field's own bound too, which is what its sender can use. */
function isLastOfItsKind(issue: Issue, at: number, issues: readonly Issue[]): boolean {
  const place = pathOf(issue).join('.');
  const isSame = (later: Issue) => later.code === issue.code && pathOf(later).join('.') === place;
  return issue.code !== 'too_big' && issue.code !== 'too_small' ? true : !issues.slice(at + 1).some(isSame);
}

function pathOf({ path = [] }: Issue): string[] {
  // A key of a record is the caller's, and may be anything.
  return path.map((part) => String(typeof part === 'object' ? part.key : part));
}

function named(path: readonly string[], whole: string): string {
  return path.length > 0 ? path.join('.') : whole;
}

/** What a union's member that comes nearest to what was sent finds wrong, where that tells more than that none fits. */
function nearestOf(members: Issue['errors'] = []): readonly Issue[] | undefined {
  const [first, ...others] = members.map((issues) => issues.map(({ message }) => message).join());
  if (first !== undefined && others.every((other) => other === first)) return members[0];
  const ofFields = members.filter((issues) => issues.some((issue) => pathOf(issue).length > 0 || issue.keys));
  return ofFields.toSorted((one, other) => distance(one) - distance(other))[0];
}

/** A field that is not known tells another member more surely than one that is missing, and that more than one that is wrong. */
function distance(issues: readonly Issue[]): number {
  return issues.reduce((sum, { keys, message }) => sum + (keys ? 3 * keys.length : message === MISSING ? 2 : 1), 0);
}
