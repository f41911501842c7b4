import { isDeepStrictEqual } from 'node:util';
import { invalidRequest } from './problem.js';

/**
 * Of what was sent to change something, as it was read or a part of it, the fields that are to be other than they are shown now.
 * `writable` ones can be changed. Of the others each must be as it is; those that are `moving` by themselves count for nothing, since
 * they may have moved since they were read.
 * @throws Problem 400 `invalid-request` naming what cannot be changed
 */
export function changesIn<View extends object, Key extends keyof View>(
  sent: { readonly [Field in keyof View]?: View[Field] | undefined },
  shown: View,
  { writable, moving }: { readonly writable: readonly Key[]; readonly moving: readonly (keyof View)[] },
): { [Field in Key]?: View[Field] } {
  const isWritable = (field: keyof View) => (writable as readonly (keyof View)[]).includes(field);
  const others = (Object.keys(sent) as (keyof View)[]).filter(
    (field) => sent[field] !== undefined && !isDeepStrictEqual(sent[field], shown[field]),
  );
  const wrong = others.filter((field) => !isWritable(field) && !moving.includes(field));
  if (wrong.length > 0) {
    throw invalidRequest(wrong.map((field) => ({ field: String(field), detail: 'cannot be changed here' })));
  }
  return Object.fromEntries(others.filter(isWritable).map((field) => [field, sent[field]])) as {
    [Field in Key]?: View[Field];
  };
}
