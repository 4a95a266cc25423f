// Keeps the view in the address of the page, without a new entry in the history for each change.
watch("value", () => {
  const here = new URL(location.href);
  if (props.value) here.searchParams.set("view", props.value);
  else here.searchParams.delete("view");
  history.replaceState(history.state, "", here);
});
