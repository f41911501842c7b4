import { type GuardProblemCode, guardProblems } from '@tokenlog/contracts/problems.js';

const codes = Object.keys(guardProblems) as GuardProblemCode[];

/** With what `askGuard` refuses: of a guard in a decorator the document knows it by itself. */
export function guardRefusals(asked: { readonly scopes?: boolean; readonly roles?: boolean } = {}): GuardProblemCode[] {
  const never: readonly GuardProblemCode[] = [
    ...(asked.scopes === false ? (['scope'] as const) : []),
    ...(asked.roles === false ? (['role'] as const) : []),
  ];
  return codes.filter((code) => !never.includes(code));
}
