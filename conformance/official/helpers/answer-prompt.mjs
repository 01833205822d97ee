// A command for `siokit-server --app studio --command`: answers its last argument as a language model's program does, with JSON.
const prompt = process.argv.at(-1);
const model = process.argv[process.argv.indexOf("--model") + 1];
const usage = { input_tokens: 3, output_tokens: 4 };
process.stdout.write(JSON.stringify({ type: "result", result: `You said: ${prompt}`, model, usage, stop_reason: "end_turn" }));
