import { PassThrough } from 'node:stream';
import { Prompts, type Terminal } from './prompts.js';

function terminalOf(typed: string | Buffer, isTTY: boolean) {
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: () => {} });
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  let shown = '';
  stderr.on('data', (chunk) => {
    shown += chunk;
  });
  if (isTTY) for (const key of typed.toString()) setImmediate(() => stdin.write(key));
  else stdin.end(typed);
  return { terminal: { stdin, stderr } as unknown as Terminal, shown: () => shown };
}

describe('passwords', () => {
  it('are asked for on a terminal, and not echoed', async () => {
    const { terminal, shown } = terminalOf('s3cret-word\r', true);
    expect(await new Prompts(terminal, false).password('Your password')).toBe('s3cret-word');
    expect(shown()).toContain('Your password:');
    expect(shown()).not.toMatch(/s3c|\*/);
  });

  it('are the lines of stdin where that is asked for', async () => {
    const prompts = new Prompts(terminalOf('first one\r\n second \n', false).terminal, true);
    expect(await prompts.password('the first')).toBe('first one');
    expect(await prompts.newPassword('the second')).toBe(' second ');
    await expect(prompts.password('the third')).rejects.toMatchObject({ exitCode: 2, code: 'password-missing' });
  });

  it.each([
    ['UTF-8', Buffer.from('\ufeffpässwort – eins\r\nzwei')],
    ['UTF-16, as PowerShell writes it', Buffer.from('\ufeffpässwort – eins\r\nzwei', 'utf16le')],
  ])('are read from a file in %s without its byte order mark', async (_, bytes) => {
    const prompts = new Prompts(terminalOf(bytes, false).terminal, true);
    expect(await prompts.password('the first')).toBe('pässwort – eins');
    expect(await prompts.password('the second')).toBe('zwei');
  });

  it('are not read from a terminal as if it were a pipe: it would show them', async () => {
    const prompts = new Prompts(terminalOf('', true).terminal, true);
    await expect(prompts.password('p')).rejects.toMatchObject({ exitCode: 2, code: 'stdin-is-a-terminal' });
  });

  it('cannot be asked for without a terminal', async () => {
    const prompts = new Prompts(terminalOf('', false).terminal, false);
    expect(prompts.interactive).toBe(false);
    await expect(prompts.password('p')).rejects.toMatchObject({ exitCode: 2, code: 'no-terminal' });
    await expect(prompts.confirm('Delete?')).rejects.toMatchObject({ exitCode: 2, code: 'no-terminal' });
  });

  it.each([
    ['Ctrl-C', '\x03', 130, 'interrupted'],
    ['Ctrl-C half way', 's3cr\x03', 130, 'interrupted'],
  ])(
    'are not asked for any more after %s: nothing is changed, and nothing of it shown',
    async (_, keys, exitCode, code) => {
      const { terminal, shown } = terminalOf(keys, true);
      const asked = new Prompts(terminal, false).password('Your password');
      await expect(asked).rejects.toMatchObject({ exitCode, code, message: 'Nothing was changed.' });
      expect(shown()).toMatch(/^[^\n]*\n$/);
      expect(shown()).not.toContain('s3c');
    },
  );

  it('that are long beyond reason are refused', async () => {
    const prompts = new Prompts(terminalOf('x'.repeat(100_000), false).terminal, true);
    await expect(prompts.password('p')).rejects.toMatchObject({ code: 'password-too-long' });
  });
});

describe('a confirmation', () => {
  it.each(['y', 'yes', 'Y'])('is %s', async (answer) => {
    await new Prompts(terminalOf(`${answer}\r`, true).terminal, false).confirm('Delete?');
  });

  it.each(['', 'n', 'yesterday'])('is not %j', async (answer) => {
    const prompts = new Prompts(terminalOf(`${answer}\r`, true).terminal, false);
    await expect(prompts.confirm('Delete?')).rejects.toMatchObject({ exitCode: 1, code: 'not-confirmed' });
  });
});
