import { shorten } from './client.js';
import { PrintingNarrator } from './narrator.js';

function told(tell: (narrator: PrintingNarrator) => void): string[] {
  const lines: string[] = [];
  const narrator = new PrintingNarrator((line) => lines.push(line));
  tell(narrator);
  narrator.end();
  return lines;
}

test('a line that comes again and again is shown once, with how often it came', () => {
  const refused = 'identity    DELETE /users/1  → 503';
  const lines = told(({ step, call }) => {
    step('1. One.');
    for (let time = 0; time < 12; time++) call(refused);
    call('identity    DELETE /users/1  → 204');
    call(refused);
    call(refused);
    step('2. Two.');
    call(refused);
  });
  expect(lines).toEqual([
    '\n1. One.',
    `   ${refused}`,
    '               … and the same 11 times more',
    '   identity    DELETE /users/1  → 204',
    `   ${refused}`,
    '               … and the same once more',
    '\n2. Two.',
    `   ${refused}`,
  ]);
});

test('a line shows no password and no secret, and which token it is', () => {
  const token = `tkl_01a22eda89a577459394ac0e80e3e44f_${'x'.repeat(49)}`;
  expect(shorten(`Bearer ${token}`)).toBe('Bearer tkl_…e44f');
  expect(shorten('{"password":"a \\"long\\" one, with blanks","newPassword":"b"}')).toBe(
    '{"password":"…","newPassword":"…"}',
  );
  expect(shorten('username=ada&password=c d&next=/')).toBe('username=ada&password=…&next=/');
});
