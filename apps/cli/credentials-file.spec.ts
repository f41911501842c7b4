import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CredentialsFile, credentialsPath } from './credentials-file.js';

const here = { identity: 'http://localhost:3001', tokens: 'http://localhost:3002' };
const ada = { ...here, username: 'ada', credential: 'tks_ada', expiresAt: '2027-01-31T10:00:00.000Z' };

describe('the credentials file', () => {
  let folder: string;
  let file: CredentialsFile;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenlog-credentials-'));
    file = new CredentialsFile(join(folder, 'config', 'tokenlog', 'credentials.json'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('stands where XDG says, and below the home folder otherwise', () => {
    expect(credentialsPath({ XDG_CONFIG_HOME: '/x', HOME: '/h' })).toBe('/x/tokenlog/credentials.json');
    expect(credentialsPath({ XDG_CONFIG_HOME: 'relative', HOME: '/h' })).toBe('/h/.config/tokenlog/credentials.json');
    expect(credentialsPath({ HOME: '/h' })).toBe('/h/.config/tokenlog/credentials.json');
  });

  it('is closed to others, its folder too, and leaves nothing beside it', async () => {
    await file.save(ada);
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(file.path, '..'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(file.path, '..'))).toEqual(['credentials.json']);
  });

  it('gives a credential out for the very addresses it was got from only', async () => {
    await file.save(ada);
    expect(await file.find(here)).toEqual(ada);
    expect(await file.find({ ...here, tokens: 'http://evil.example' })).toBeUndefined();
    expect(await file.find({ ...here, identity: 'http://evil.example' })).toBeUndefined();
  });

  it('keeps one for each pair of addresses', async () => {
    const there = {
      ...ada,
      identity: 'https://a.example/api',
      tokens: 'https://a.example/api',
      credential: 'tks_there',
    };
    await file.save(ada);
    await file.save(there);
    await file.save({ ...ada, credential: 'tks_new' });
    expect(await file.find(here)).toMatchObject({ credential: 'tks_new' });
    await file.forget(here);
    expect(await file.find(here)).toBeUndefined();
    expect(await file.find(there)).toEqual(there);
    expect(await readFile(file.path, 'utf8')).not.toContain('tks_new');
  });

  it.each([0o644, 0o640, 0o604, 0o620])(
    'that others could read or write (%o) is refused, saying how to mend it',
    async (mode) => {
      await file.save(ada);
      await chmod(file.path, mode);
      const refused = {
        exitCode: 1,
        code: 'credentials-exposed',
        message: expect.stringContaining(`chmod 600 ${file.path}`),
      };
      await expect(file.find(here)).rejects.toMatchObject(refused);
      await expect(file.save(ada)).rejects.toMatchObject(refused);
    },
  );

  it.each(['', '{', '[]', '{"version":2,"credentials":[]}', '{"version":1,"credentials":[{}]}'])(
    'that is damaged (%j) is told of, not overwritten',
    async (content) => {
      await file.save(ada);
      await writeFile(file.path, content);
      await expect(file.save(ada)).rejects.toMatchObject({ code: 'credentials-unreadable' });
      expect(await readFile(file.path, 'utf8')).toBe(content);
    },
  );
});
