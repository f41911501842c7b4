import { startSystem } from '../tools/system.js';
import { playStory } from '../tools/tour/story.js';
import { newDataDir } from './support/data-dir.js';

const ADMIN_PASSWORD = 'story-admin-password';

describe('the life of a token, on a whole system of real processes', () => {
  it.each([
    ['', false],
    [', with the token service killed (-9) in the middle', true],
  ])('goes as promised%s', async (_, kill) => {
    const dataDir = await newDataDir('story');
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    const system = await startSystem({ dataDir, ports: 'free', fsync: false, env });
    const told: string[] = [];
    const narrator = { step: (title: string) => told.push(title), call: (line: string) => told.push(line) };
    try {
      await playStory(system, { adminPassword: ADMIN_PASSWORD, narrator, kill });
    } finally {
      await system.stop();
    }
    // What is shown of the calls gives no secret away.
    expect(told.join('\n')).not.toMatch(/tk[ls]_[0-9a-f]{32}_/);
    expect(told.join('\n')).not.toContain(ADMIN_PASSWORD);
  });
});
