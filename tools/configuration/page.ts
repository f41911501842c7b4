import { type Variable, variables } from './registry.js';

const HEAD = `# Configuration

Every environment variable that anything here reads. An empty value counts as unset. One that is set and wrong stops the start
with a line that names it. \`GET /admin/policy\` shows the policy in force.

**From files and secret stores.** Where the last column says so, the variable can be given as \`NAME_FILE\`, a file that has its value
(\`TOKEN_PEPPER_FILE\`, \`ADMIN_PASSWORD_FILE\`, \`DATABASE_URL_FILE\`, …); both at once are refused. Line ends around a value are no part of
it, wherever it comes from; hashes that were made under a pepper with one still hold.

**A list** has commas or line ends between its values; values that have such characters stand in a JSON list:
\`TOKEN_PEPPERS_RETIRED=["one, with a comma","another"]\`.

**Read by** names the services; \`npm start\` also passes on to them what they read. Of the programs, \`migrations\` are
\`migrate.js\` of identity and of the token service, \`rebuild\` is the token service's \`rebuild.js\`, and Compose is what \`.env\` sets for
\`docker-compose.yml\`: what identity, tokens or example-api read can stand there too.

`;

/** docs/configuration.md, made of the registry. */
export function configurationPage(): string {
  const rows = variables.map((variable) => [
    `\`${variable.name}\``,
    variable.what,
    variable.unit ?? '',
    defaultOf(variable),
    variable.readBy.join(', '),
    variable.file ? 'yes' : '',
  ]);
  const table = [['variable', 'meaning', 'unit', 'default', 'read by', '`NAME_FILE`'], Array(6).fill('---'), ...rows];
  return `${HEAD}${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function defaultOf({ fallback, unset }: Variable): string {
  return fallback === undefined ? (unset ?? '') : `\`${fallback}\``;
}
