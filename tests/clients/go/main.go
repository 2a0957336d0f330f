// A client of oapi-codegen, against the Taskflow of the first argument.
package main

import (
	"context"
	"fmt"
	"os"

	"taskflow/client"
)

func check(holds bool, what any) {
	if !holds {
		panic(fmt.Sprintf("not as it should be: %+v", what))
	}
}

func main() {
	ctx := context.Background()
	api, err := client.NewClientWithResponses(os.Args[1])
	check(err == nil, err)

	// A field with a default may be left out.
	created, err := api.CreateTaskWithResponse(ctx, nil, client.CreateTaskJSONRequestBody{Title: "Pay rent"})
	check(err == nil && created.JSON201 != nil, created)
	id := created.JSON201.Id

	title := "Pay the rent"
	patched, err := api.PatchTaskWithResponse(ctx, id, nil, client.PatchTaskJSONRequestBody{Title: &title})
	check(err == nil && patched.JSON200 != nil && patched.JSON200.Version == 2, patched)

	old := `"1"`
	stale, err := api.UpdateTaskWithResponse(ctx, id, &client.UpdateTaskParams{IfMatch: &old}, client.UpdateTaskJSONRequestBody{Title: &title})
	check(err == nil && stale.StatusCode() == 412, stale)

	listed, err := api.ListTasksWithResponse(ctx, &client.ListTasksParams{})
	check(err == nil && listed.JSON200 != nil && len(*listed.JSON200) == 1, listed)
	fmt.Println("go: works")
}
