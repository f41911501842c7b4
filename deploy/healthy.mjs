// An image's health check: asks the service of this container whether it is ready. Usage: node healthy.mjs <variable of its port> <default>
const [variable = '', fallback] = process.argv.slice(2);
const url = `http://127.0.0.1:${process.env[variable] || fallback}/health/ready`;
const answer = await fetch(url).catch((error) => {
  process.stderr.write(`${error.cause?.message ?? error.message}\n`);
});
if (answer && !answer.ok) process.stderr.write(`${await answer.text()}\n`);
process.exitCode = answer?.ok ? 0 : 1;
