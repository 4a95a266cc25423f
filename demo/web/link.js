// Keeps the view in the page's address, without adding an entry to the history for each change.
watch("value", () => {
  const here = new URL(location.href);
  if (props.value) here.searchParams.set("view", props.value);
  else here.searchParams.delete("view");
  history.replaceState(history.state, "", here);
});
