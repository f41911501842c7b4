import type { Case } from '../case.js';
import type { Stage } from '../stage.js';
import { verification } from '../verification.js';

const LEVELS = [64, 256];
const USERS_SHARE = 0.01;

export const verificationBySize: Case = {
  name: 'verification-by-size',
  title: 'Ten thousand tokens, a million tokens',
  explanation: `
The same verification over NATS, evenly spread, by services of the same kind, whose databases hold a tenth and ten times as many
tokens as that of the other cases. Each has its own PostgreSQL and nats-server, which rest while another is measured.
`,
  levels: LEVELS,
  pictures: [{ of: 'cost', title: 'Processor time of a verification in µs, by number of tokens', level: 256 }],

  async prepare(bench) {
    const middle = await bench.stage();
    const sizes = [middle.tokens.length / 10, middle.tokens.length * 10].map(Math.round);
    const stages: Stage[] = [];
    const end = async () => {
      for (const stage of stages) await stage.end();
    };
    try {
      for (const tokens of sizes) {
        stages.push(await bench.setStage({ tokens, users: Math.ceil(tokens * USERS_SHARE) }));
      }
      const [small, large] = stages as [Stage, Stage];
      const contenders = [];
      for (const stage of [small, middle, large]) {
        contenders.push(await verification(stage, nameOf(stage), stage.tokens));
      }
      const comparisons = LEVELS.map((level) => ({
        name: `rate: ${nameOf(large)} / ${nameOf(small)}`,
        level,
        figure: (of: (contender: string) => { value: number }) => of(nameOf(large)).value / of(nameOf(small)).value,
        goal: { atLeast: 0.9 },
      }));
      return { contenders, comparisons, end };
    } catch (error) {
      await end();
      throw error;
    }
  },
};

function nameOf({ tokens }: Stage): string {
  return `${tokens.length.toLocaleString('en')} tokens`;
}
