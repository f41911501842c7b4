// An image's health check: asks the service of this container whether it is ready. Usage: node healthy.mjs <variable of its port> <default>
const [variable = '', fallback] = process.argv.slice(2);
const url = `http://127.0.0.1:${process.env[variable] || fallback}/health/ready`;
const answer = await fetch(url).catch((error) => {
  console.error(error.cause?.message ?? error.message);
});
if (answer && !answer.ok) console.error(await answer.text());
process.exitCode = answer?.ok ? 0 : 1;
