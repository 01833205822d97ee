socket.emit(
  'claude:execute',
  {
    prompt: 'Explain how async/await works in JavaScript',
    model: 'claude-sonnet-4-20250514',
    maxTokens: 1000,
  },
  (response) => {
    if (response.success) {
      console.log(`Process started: ${response.processId}`);
      // Listen for claude:progress, claude:complete, claude:error events
    } else {
      console.error(response.error);
    }
  }
);
