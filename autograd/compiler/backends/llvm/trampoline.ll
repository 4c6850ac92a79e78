; The code through which Python calls compiled functions: it reads Python's objects, calls the kernel,
; and makes the result. `trampoline.py` writes the words that it follows, documents them, and replaces
; the names that begin with a dollar sign: by places in its own tables, and by the offsets of fields
; in the objects of this Python and this NumPy.
;
; It runs under the GIL, and releases it only while the kernel runs, if at all. Between reading the
; arguments and calling the kernel, nothing runs that could change them, and references are held to
; whatever the kernel reads.

; --- taking arguments apart -----------------------------------------------------------------------

define internal i1 @is(ptr %object, ptr %kind) alwaysinline {
  %place = getelementptr i8, ptr %object, i64 $at_type
  %its = load ptr, ptr %place
  %same = icmp eq ptr %its, %kind
  ret i1 %same
}

define internal ptr @entry(ptr %words, i64 %place) alwaysinline {
  %address = getelementptr i64, ptr %words, i64 %place
  %found = load ptr, ptr %address
  ret ptr %found
}

define internal i64 @word(ptr %words, i64 %place) alwaysinline {
  %address = getelementptr i64, ptr %words, i64 %place
  %found = load i64, ptr %address
  ret i64 %found
}

; Read the next word.
define internal i64 @next(ptr %cursor) alwaysinline {
  %at = load ptr, ptr %cursor
  %found = load i64, ptr %at
  %after = getelementptr i64, ptr %at, i64 1
  store ptr %after, ptr %cursor
  ret i64 %found
}

define internal void @skip(ptr %cursor, i64 %count) alwaysinline {
  %at = load ptr, ptr %cursor
  %after = getelementptr i64, ptr %at, i64 %count
  store ptr %after, ptr %cursor
  ret void
}

; The address of the items of a list or tuple of the given length; null for anything else.
define internal ptr @items(ptr %api, ptr %object, i64 %op, i64 %count) {
entry:
  %is_list = icmp eq i64 %op, $op_list
  %list = call ptr @entry(ptr %api, i64 $api_list)
  %tuple = call ptr @entry(ptr %api, i64 $api_tuple)
  %kind = select i1 %is_list, ptr %list, ptr %tuple
  %fits = call i1 @is(ptr %object, ptr %kind)
  br i1 %fits, label %sized, label %other
sized:
  %size = call i64 @word(ptr %object, i64 $at_size)
  %same = icmp eq i64 %size, %count
  br i1 %same, label %found, label %other
found:
  %list_address = getelementptr i8, ptr %object, i64 $at_list_items
  %tuple_address = getelementptr i8, ptr %object, i64 $at_tuple_items
  br i1 %is_list, label %of_list, label %of_tuple
of_list:
  %list_found = load ptr, ptr %list_address
  ret ptr %list_found
of_tuple:
  ret ptr %tuple_address
other:
  ret ptr null
}

; A float of Python or NumPy; or an int, if ints are numbers here.
define internal i1 @number(ptr %api, ptr %object, i64 %or_int, ptr %target) {
entry:
  %float = call ptr @entry(ptr %api, i64 $api_float)
  %is_float = call i1 @is(ptr %object, ptr %float)
  br i1 %is_float, label %read, label %numpy
numpy:
  %double = call ptr @entry(ptr %api, i64 $api_float64)
  %is_double = call i1 @is(ptr %object, ptr %double)
  br i1 %is_double, label %read, label %integer
integer:
  %int = call ptr @entry(ptr %api, i64 $api_int)
  %is_int = call i1 @is(ptr %object, ptr %int)
  %may = icmp ne i64 %or_int, 0
  %taken = and i1 %is_int, %may
  br i1 %taken, label %convert, label %other
read:
  %address = getelementptr i8, ptr %object, i64 $at_float_value
  %value = load double, ptr %address
  store double %value, ptr %target
  ret i1 true
convert:
  %as_double = call ptr @entry(ptr %api, i64 $api_PyLong_AsDouble)
  %converted = call double %as_double(ptr %object)
  store double %converted, ptr %target
  %is_error = fcmp oeq double %converted, -1.0
  br i1 %is_error, label %check, label %done
check:
  %occurred = call ptr @entry(ptr %api, i64 $api_PyErr_Occurred)
  %error = call ptr %occurred()
  %none = icmp eq ptr %error, null
  br i1 %none, label %done, label %forget
forget:
  %clear = call ptr @entry(ptr %api, i64 $api_PyErr_Clear)
  call void %clear()
  ret i1 false
done:
  ret i1 true
other:
  ret i1 false
}

; A contiguous NumPy array of doubles. Its data are passed to the kernel; a reference is held meanwhile.
; Words: the group, the number of dimensions, and these; the first dimension of rows is their number.
define internal i1 @array(ptr %api, ptr %object, ptr %cursor, ptr %block, i1 %varies, ptr %rows) {
entry:
  %group = call i64 @next(ptr %cursor)
  %nd = call i64 @next(ptr %cursor)
  %sizes = load ptr, ptr %cursor
  call void @skip(ptr %cursor, i64 %nd)
  %ndarray = call ptr @entry(ptr %api, i64 $api_ndarray)
  %is_array = call i1 @is(ptr %object, ptr %ndarray)
  br i1 %is_array, label %typed, label %other
typed:
  %dtype_address = getelementptr i8, ptr %object, i64 $at_array_dtype
  %dtype = load ptr, ptr %dtype_address
  %double = call ptr @entry(ptr %api, i64 $api_double)
  %is_double = icmp eq ptr %dtype, %double
  %flags_address = getelementptr i8, ptr %object, i64 $at_array_flags
  %flags = load i32, ptr %flags_address
  %ordered = and i32 %flags, $numpy_ordered
  %is_ordered = icmp eq i32 %ordered, $numpy_ordered
  %nd_address = getelementptr i8, ptr %object, i64 $at_array_nd
  %its_nd = load i32, ptr %nd_address
  %its_nd_wide = sext i32 %its_nd to i64
  %same_nd = icmp eq i64 %its_nd_wide, %nd
  %fits = and i1 %is_double, %is_ordered
  %fits_too = and i1 %fits, %same_nd
  br i1 %fits_too, label %shape, label %other
shape:
  %shape_address = getelementptr i8, ptr %object, i64 $at_array_shape
  %its_sizes = load ptr, ptr %shape_address
  br i1 %varies, label %first, label %compare
first:
  %its_rows = load i64, ptr %its_sizes
  %known = load i64, ptr %rows
  %unknown = icmp eq i64 %known, -1
  %agrees = icmp eq i64 %known, %its_rows
  %may = or i1 %unknown, %agrees
  store i64 %its_rows, ptr %rows
  br i1 %may, label %compare, label %other
compare:
  %start = phi i64 [ 0, %shape ], [ 1, %first ]
  br label %head
head:
  %i = phi i64 [ %start, %compare ], [ %after, %body ]
  %more = icmp slt i64 %i, %nd
  br i1 %more, label %body, label %hold
body:
  %its = call i64 @word(ptr %its_sizes, i64 %i)
  %size = call i64 @word(ptr %sizes, i64 %i)
  %after = add i64 %i, 1
  %same = icmp eq i64 %its, %size
  br i1 %same, label %head, label %other
hold:
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  call void %increase(ptr %object)
  %count = call i64 @word(ptr %block, i64 $block_count)
  %slot = add i64 %count, $block_held
  %held = getelementptr i64, ptr %block, i64 %slot
  store ptr %object, ptr %held
  %counted = add i64 %count, 1
  %count_address = getelementptr i64, ptr %block, i64 $block_count
  store i64 %counted, ptr %count_address
  %data_address = getelementptr i8, ptr %object, i64 $at_array_data
  %data = load ptr, ptr %data_address
  %fields = call ptr @entry(ptr %block, i64 $block_fields)
  %field_place = add i64 %group, $call_inputs
  %field = getelementptr i64, ptr %fields, i64 %field_place
  store ptr %data, ptr %field
  ret i1 true
other:
  ret i1 false
}

; Whether an argument, or a part of one, matches the words; if so, its numbers are taken.
define internal i1 @take(ptr %api, ptr %object, ptr %cursor, ptr %block, ptr %rows) {
entry:
  %position = alloca i64
  %key = alloca ptr
  %value = alloca ptr
  %op = call i64 @next(ptr %cursor)
  switch i64 %op, label %other [
    i64 $op_number, label %number
    i64 $op_array, label %uniform
    i64 $op_rows, label %varying
    i64 $op_list, label %sequence
    i64 $op_tuple, label %sequence
    i64 $op_dictionary, label %dictionary
    i64 $op_same, label %same
    i64 $op_numbers, label %numbers
  ]
number:
  %place = call i64 @next(ptr %cursor)
  %or_int = call i64 @next(ptr %cursor)
  %loose = call ptr @entry(ptr %block, i64 $block_loose)
  %target = getelementptr double, ptr %loose, i64 %place
  %is_number = call i1 @number(ptr %api, ptr %object, i64 %or_int, ptr %target)
  ret i1 %is_number
uniform:
  %is_uniform = call i1 @array(ptr %api, ptr %object, ptr %cursor, ptr %block, i1 false, ptr %rows)
  ret i1 %is_uniform
varying:
  %is_varying = call i1 @array(ptr %api, ptr %object, ptr %cursor, ptr %block, i1 true, ptr %rows)
  ret i1 %is_varying
same:
  %one = call i64 @next(ptr %cursor)
  %itself = ptrtoint ptr %object to i64
  %is_same = icmp eq i64 %one, %itself
  ret i1 %is_same

sequence:
  %count = call i64 @next(ptr %cursor)
  %items = call ptr @items(ptr %api, ptr %object, i64 %op, i64 %count)
  %no_items = icmp eq ptr %items, null
  br i1 %no_items, label %other, label %items_head
items_head:
  %i = phi i64 [ 0, %sequence ], [ %i_after, %items_body ]
  %more_items = icmp slt i64 %i, %count
  br i1 %more_items, label %items_body, label %done
items_body:
  %item = call ptr @entry(ptr %items, i64 %i)
  %i_after = add i64 %i, 1
  %item_fits = call i1 @take(ptr %api, ptr %item, ptr %cursor, ptr %block, ptr %rows)
  br i1 %item_fits, label %items_head, label %other

numbers:
  %kind = call i64 @next(ptr %cursor)
  %length = call i64 @next(ptr %cursor)
  %start = call i64 @next(ptr %cursor)
  %floats = call ptr @items(ptr %api, ptr %object, i64 %kind, i64 %length)
  %no_floats = icmp eq ptr %floats, null
  %memory = call ptr @entry(ptr %block, i64 $block_loose)
  %targets = getelementptr double, ptr %memory, i64 %start
  br i1 %no_floats, label %other, label %numbers_head
numbers_head:
  %j = phi i64 [ 0, %numbers ], [ %j_after, %numbers_body ]
  %more_numbers = icmp slt i64 %j, %length
  br i1 %more_numbers, label %numbers_body, label %done
numbers_body:
  %each = call ptr @entry(ptr %floats, i64 %j)
  %each_target = getelementptr double, ptr %targets, i64 %j
  %j_after = add i64 %j, 1
  %each_fits = call i1 @number(ptr %api, ptr %each, i64 1, ptr %each_target)
  br i1 %each_fits, label %numbers_head, label %other

dictionary:
  %pairs = call i64 @next(ptr %cursor)
  %dict = call ptr @entry(ptr %api, i64 $api_dict)
  %is_dict = call i1 @is(ptr %object, ptr %dict)
  br i1 %is_dict, label %measure, label %other
measure:
  %size_of = call ptr @entry(ptr %api, i64 $api_PyDict_Size)
  %size = call i64 %size_of(ptr %object)
  %fits = icmp eq i64 %size, %pairs
  store i64 0, ptr %position
  br i1 %fits, label %pairs_head, label %other
pairs_head:
  %k = phi i64 [ 0, %measure ], [ %k_after, %pairs_body ]
  %more_pairs = icmp slt i64 %k, %pairs
  br i1 %more_pairs, label %pair, label %done
pair:
  %iterate = call ptr @entry(ptr %api, i64 $api_PyDict_Next)
  %is_there = call signext i32 %iterate(ptr %object, ptr %position, ptr %key, ptr %value)
  %there = icmp ne i32 %is_there, 0
  br i1 %there, label %keyed, label %other
keyed:
  %expected = call i64 @next(ptr %cursor)
  %its_key = load i64, ptr %key
  %same_key = icmp eq i64 %expected, %its_key
  br i1 %same_key, label %pairs_body, label %other
pairs_body:
  %part = load ptr, ptr %value
  %k_after = add i64 %k, 1
  %part_fits = call i1 @take(ptr %api, ptr %part, ptr %cursor, ptr %block, ptr %rows)
  br i1 %part_fits, label %pairs_head, label %other
done:
  ret i1 true
other:
  ret i1 false
}

; --- making the result ----------------------------------------------------------------------------

define internal ptr @float(ptr %api, ptr %numbers, i64 %place) alwaysinline {
  %address = getelementptr double, ptr %numbers, i64 %place
  %value = load double, ptr %address
  %new = call ptr @entry(ptr %api, i64 $api_PyFloat_FromDouble)
  %made = call ptr %new(double %value)
  ret ptr %made
}

; An array of doubles: a new one, or a view of another array, to which it holds a reference.
define internal ptr @array_of(ptr %api, i64 %nd, ptr %sizes, ptr %numbers, ptr %owner) {
entry:
  %new = call ptr @entry(ptr %api, i64 $api_PyArray_NewFromDescr)
  %ndarray = call ptr @entry(ptr %api, i64 $api_ndarray)
  %double = call ptr @entry(ptr %api, i64 $api_double)
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  %nd_narrow = trunc i64 %nd to i32
  %is_new = icmp eq ptr %owner, null
  %flags = select i1 %is_new, i32 0, i32 $numpy_writeable
  call void %increase(ptr %double)
  %made = call ptr %new(ptr %ndarray, ptr %double, i32 signext %nd_narrow, ptr %sizes, ptr null, ptr %numbers, i32 signext %flags, ptr null)
  %failed = icmp eq ptr %made, null
  %done = or i1 %failed, %is_new
  br i1 %done, label %end, label %hold
hold:
  %set_base = call ptr @entry(ptr %api, i64 $api_PyArray_SetBaseObject)
  call void %increase(ptr %owner)
  %code = call signext i32 %set_base(ptr %made, ptr %owner)
  %is_set = icmp eq i32 %code, 0
  br i1 %is_set, label %end, label %drop
drop:
  %decrease = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %decrease(ptr %made)
  ret ptr null
end:
  ret ptr %made
}

; A new array with a first dimension of rows; the numbers of one row lie `stride` apart.
define internal ptr @array_of_rows(ptr %api, i64 %nd, ptr %sizes, ptr %numbers, i64 %size, i64 %rows, i64 %stride) {
entry:
  %made = call ptr @array_of(ptr %api, i64 %nd, ptr %sizes, ptr null, ptr null)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %none, label %copy
none:
  ret ptr null
copy:
  %data_address = getelementptr i8, ptr %made, i64 $at_array_data
  %data = load ptr, ptr %data_address
  br label %rows_head
rows_head:
  %i = phi i64 [ 0, %copy ], [ %i_after, %rows_after ]
  %more_rows = icmp slt i64 %i, %rows
  br i1 %more_rows, label %columns, label %done
columns:
  %start = mul i64 %i, %size
  br label %columns_head
columns_head:
  %j = phi i64 [ 0, %columns ], [ %j_after, %columns_body ]
  %more_columns = icmp slt i64 %j, %size
  br i1 %more_columns, label %columns_body, label %rows_after
columns_body:
  %column = mul i64 %j, %stride
  %from = add i64 %column, %i
  %source = getelementptr double, ptr %numbers, i64 %from
  %number = load double, ptr %source
  %to = add i64 %start, %j
  %target = getelementptr double, ptr %data, i64 %to
  store double %number, ptr %target
  %j_after = add i64 %j, 1
  br label %columns_head
rows_after:
  %i_after = add i64 %i, 1
  br label %rows_head
done:
  ret ptr %made
}

; A new list or tuple, and the address of its items.
define internal { ptr, ptr } @sequence(ptr %api, i64 %op, i64 %count) {
entry:
  %is_list = icmp eq i64 %op, $op_list
  br i1 %is_list, label %list, label %tuple
list:
  %new_list = call ptr @entry(ptr %api, i64 $api_PyList_New)
  %made_list = call ptr %new_list(i64 %count)
  %no_list = icmp eq ptr %made_list, null
  br i1 %no_list, label %failed, label %of_list
of_list:
  %list_address = getelementptr i8, ptr %made_list, i64 $at_list_items
  %list_items = load ptr, ptr %list_address
  br label %made
tuple:
  %new_tuple = call ptr @entry(ptr %api, i64 $api_PyTuple_New)
  %made_tuple = call ptr %new_tuple(i64 %count)
  %no_tuple = icmp eq ptr %made_tuple, null
  br i1 %no_tuple, label %failed, label %of_tuple
of_tuple:
  %tuple_items = getelementptr i8, ptr %made_tuple, i64 $at_tuple_items
  br label %made
made:
  %found = phi ptr [ %made_list, %of_list ], [ %made_tuple, %of_tuple ]
  %items = phi ptr [ %list_items, %of_list ], [ %tuple_items, %of_tuple ]
  %first = insertvalue { ptr, ptr } poison, ptr %found, 0
  %both = insertvalue { ptr, ptr } %first, ptr %items, 1
  ret { ptr, ptr } %both
failed:
  ret { ptr, ptr } zeroinitializer
}

; The result, or a part of it; null with an error set if there is no memory.
define internal ptr @make(ptr %api, ptr %cursor, ptr %numbers, ptr %owner, i64 %rows, i64 %stride) {
entry:
  %op = call i64 @next(ptr %cursor)
  switch i64 %op, label %failed [
    i64 $op_number, label %number
    i64 $op_array, label %array
    i64 $op_rows, label %row_array
    i64 $op_list, label %sequence
    i64 $op_tuple, label %sequence
    i64 $op_dictionary, label %dictionary
    i64 $op_same, label %same
    i64 $op_numbers, label %floats
    i64 $op_whole, label %whole
  ]
whole:
  %hold = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  call void %hold(ptr %owner)
  ret ptr %owner
number:
  %place = call i64 @next(ptr %cursor)
  %made_number = call ptr @float(ptr %api, ptr %numbers, i64 %place)
  ret ptr %made_number
array:
  %start = call i64 @next(ptr %cursor)
  call void @skip(ptr %cursor, i64 1)
  %nd = call i64 @next(ptr %cursor)
  %sizes = load ptr, ptr %cursor
  call void @skip(ptr %cursor, i64 %nd)
  %from = getelementptr double, ptr %numbers, i64 %start
  %made_array = call ptr @array_of(ptr %api, i64 %nd, ptr %sizes, ptr %from, ptr %owner)
  ret ptr %made_array
row_array:
  %row_start = call i64 @next(ptr %cursor)
  %row_size = call i64 @next(ptr %cursor)
  %row_nd = call i64 @next(ptr %cursor)
  %row_sizes = load ptr, ptr %cursor
  call void @skip(ptr %cursor, i64 %row_nd)
  store i64 %rows, ptr %row_sizes
  %row_offset = mul i64 %row_start, %stride
  %row_from = getelementptr double, ptr %numbers, i64 %row_offset
  %made_rows = call ptr @array_of_rows(ptr %api, i64 %row_nd, ptr %row_sizes, ptr %row_from, i64 %row_size, i64 %rows, i64 %stride)
  ret ptr %made_rows
same:
  %one = call i64 @next(ptr %cursor)
  %object = inttoptr i64 %one to ptr
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  call void %increase(ptr %object)
  ret ptr %object

sequence:
  %count = call i64 @next(ptr %cursor)
  %new = call { ptr, ptr } @sequence(ptr %api, i64 %op, i64 %count)
  %container = extractvalue { ptr, ptr } %new, 0
  %items = extractvalue { ptr, ptr } %new, 1
  %no_container = icmp eq ptr %container, null
  br i1 %no_container, label %failed, label %items_head
items_head:
  %i = phi i64 [ 0, %sequence ], [ %i_after, %items_put ]
  %more_items = icmp slt i64 %i, %count
  br i1 %more_items, label %items_body, label %made
items_body:
  %item = call ptr @make(ptr %api, ptr %cursor, ptr %numbers, ptr %owner, i64 %rows, i64 %stride)
  %no_item = icmp eq ptr %item, null
  br i1 %no_item, label %drop, label %items_put
items_put:
  %item_target = getelementptr ptr, ptr %items, i64 %i
  store ptr %item, ptr %item_target
  %i_after = add i64 %i, 1
  br label %items_head

floats:
  %kind = call i64 @next(ptr %cursor)
  %length = call i64 @next(ptr %cursor)
  %first = call i64 @next(ptr %cursor)
  %new_floats = call { ptr, ptr } @sequence(ptr %api, i64 %kind, i64 %length)
  %container_of_floats = extractvalue { ptr, ptr } %new_floats, 0
  %float_items = extractvalue { ptr, ptr } %new_floats, 1
  %no_floats = icmp eq ptr %container_of_floats, null
  br i1 %no_floats, label %failed, label %floats_head
floats_head:
  %j = phi i64 [ 0, %floats ], [ %j_after, %floats_put ]
  %more_floats = icmp slt i64 %j, %length
  br i1 %more_floats, label %floats_body, label %made
floats_body:
  %float_place = add i64 %first, %j
  %float = call ptr @float(ptr %api, ptr %numbers, i64 %float_place)
  %no_float = icmp eq ptr %float, null
  br i1 %no_float, label %drop, label %floats_put
floats_put:
  %float_target = getelementptr ptr, ptr %float_items, i64 %j
  store ptr %float, ptr %float_target
  %j_after = add i64 %j, 1
  br label %floats_head

dictionary:
  %pairs = call i64 @next(ptr %cursor)
  %new_dict = call ptr @entry(ptr %api, i64 $api_PyDict_New)
  %dict = call ptr %new_dict()
  %no_dict = icmp eq ptr %dict, null
  br i1 %no_dict, label %failed, label %pairs_head
pairs_head:
  %k = phi i64 [ 0, %dictionary ], [ %k_after, %pairs_put ]
  %more_pairs = icmp slt i64 %k, %pairs
  br i1 %more_pairs, label %pairs_body, label %made
pairs_body:
  %key_word = call i64 @next(ptr %cursor)
  %part = call ptr @make(ptr %api, ptr %cursor, ptr %numbers, ptr %owner, i64 %rows, i64 %stride)
  %no_part = icmp eq ptr %part, null
  br i1 %no_part, label %drop, label %pair
pair:
  %key = inttoptr i64 %key_word to ptr
  %set = call ptr @entry(ptr %api, i64 $api_PyDict_SetItem)
  %code = call signext i32 %set(ptr %dict, ptr %key, ptr %part)
  %release_part = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %release_part(ptr %part)
  %is_set = icmp eq i32 %code, 0
  br i1 %is_set, label %pairs_put, label %drop
pairs_put:
  %k_after = add i64 %k, 1
  br label %pairs_head

made:
  %result = phi ptr [ %container, %items_head ], [ %container_of_floats, %floats_head ], [ %dict, %pairs_head ]
  ret ptr %result
drop:
  %unfinished = phi ptr [ %container, %items_body ], [ %container_of_floats, %floats_body ], [ %dict, %pairs_body ], [ %dict, %pair ]
  %release = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %release(ptr %unfinished)
  ret ptr null
failed:
  ret ptr null
}

; --- a call ---------------------------------------------------------------------------------------

define internal ptr @block_of(ptr %plan) alwaysinline {
  %head = getelementptr i64, ptr %plan, i64 $plan_block
  %block = load ptr, ptr %head
  %none = icmp eq ptr %block, null
  br i1 %none, label %empty, label %pop
pop:
  %rest = load ptr, ptr %block
  store ptr %rest, ptr %head
  ret ptr %block
empty:
  ret ptr null
}

; Release the arrays, and return the block.
define internal void @finish(ptr %api, ptr %plan, ptr %block) {
entry:
  %held = call i64 @word(ptr %block, i64 $block_count)
  %count_address = getelementptr i64, ptr %block, i64 $block_count
  store i64 0, ptr %count_address
  %decrease = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %after, %body ]
  %more = icmp slt i64 %i, %held
  br i1 %more, label %body, label %done
body:
  %slot = add i64 %i, $block_held
  %object = call ptr @entry(ptr %block, i64 %slot)
  call void %decrease(ptr %object)
  %after = add i64 %i, 1
  br label %head
done:
  %first = getelementptr i64, ptr %plan, i64 $plan_block
  %rest = load ptr, ptr %first
  store ptr %rest, ptr %block
  store ptr %block, ptr %first
  ret void
}

; A call of the function that a plan describes; the arguments lie side by side.
define internal ptr @run(ptr %api, ptr %plan, ptr %arguments, i64 %count_of_arguments) {
entry:
  %cursor = alloca ptr
  %rows_address = alloca i64
  %at_once = call ptr @block_of(ptr %plan)
  %no_block = icmp eq ptr %at_once, null
  br i1 %no_block, label %grow, label %take

; All blocks are in use, by other threads or by calls that this one interrupts: Python makes more.
grow:
  %call_object = call ptr @entry(ptr %api, i64 $api_PyObject_CallObject)
  %grower = call ptr @entry(ptr %plan, i64 $plan_grow)
  %grown = call ptr %call_object(ptr %grower, ptr null)
  %no_memory = icmp eq ptr %grown, null
  br i1 %no_memory, label %error, label %retry
error:
  ret ptr null
retry:
  %read = call ptr @entry(ptr %api, i64 $api_PyLong_AsVoidPtr)
  %new_block = call ptr %read(ptr %grown)
  %release = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %release(ptr %grown)
  br label %take

take:
  %block = phi ptr [ %at_once, %entry ], [ %new_block, %retry ]
  store i64 -1, ptr %rows_address
  %takes = call ptr @entry(ptr %plan, i64 $plan_takes)
  store ptr %takes, ptr %cursor
  %expected = call i64 @next(ptr %cursor)
  %as_many = icmp eq i64 %expected, %count_of_arguments
  br i1 %as_many, label %each, label %other
each:
  %a = phi i64 [ 0, %take ], [ %a_after, %each_argument ]
  %more_arguments = icmp slt i64 %a, %expected
  br i1 %more_arguments, label %each_argument, label %count
each_argument:
  %argument = call ptr @entry(ptr %arguments, i64 %a)
  %a_after = add i64 %a, 1
  %fits = call i1 @take(ptr %api, ptr %argument, ptr %cursor, ptr %block, ptr %rows_address)
  br i1 %fits, label %each, label %other
count:
  %found = load i64, ptr %rows_address
  %alone = icmp eq i64 %found, -1
  %rows = select i1 %alone, i64 1, i64 %found
  %most = call i64 @word(ptr %plan, i64 $plan_most)
  %is_short = icmp sle i64 %rows, %most
  %is_some = icmp sgt i64 %rows, 0
  %may = and i1 %is_short, %is_some
  br i1 %may, label %outside, label %other

; The numbers of Values from outside.
outside:
  %captured = call i64 @word(ptr %plan, i64 $plan_captured)
  %values = call ptr @entry(ptr %plan, i64 $plan_values)
  %captured_numbers = call ptr @entry(ptr %block, i64 $block_captured)
  br label %outside_head
outside_head:
  %v = phi i64 [ 0, %outside ], [ %v_after, %outside_number ]
  %more_values = icmp slt i64 %v, %captured
  br i1 %more_values, label %outside_value, label %ready
outside_value:
  %value = call ptr @entry(ptr %values, i64 %v)
  %number_address = getelementptr i8, ptr %value, i64 $at_number
  %number = load ptr, ptr %number_address
  %unset = icmp eq ptr %number, null
  br i1 %unset, label %other, label %outside_number
outside_number:
  %number_target = getelementptr double, ptr %captured_numbers, i64 %v
  %v_after = add i64 %v, 1
  %is_number = call i1 @number(ptr %api, ptr %number, i64 0, ptr %number_target)
  br i1 %is_number, label %outside_head, label %other
ready:
  %fields = call ptr @entry(ptr %block, i64 $block_fields)
  %rows_field = getelementptr i64, ptr %fields, i64 $call_rows
  store i64 %rows, ptr %rows_field
  %is_mean = call i64 @word(ptr %plan, i64 $plan_mean)
  %divides = icmp ne i64 %is_mean, 0
  %rows_double = sitofp i64 %rows to double
  %divisor = select i1 %divides, double %rows_double, double 1.0
  %divisor_field = getelementptr i64, ptr %fields, i64 $call_divisor
  store double %divisor, ptr %divisor_field
  %out = call ptr @entry(ptr %block, i64 $block_out)
  %beyond = call i64 @word(ptr %plan, i64 $plan_beyond)
  %links = call i64 @word(ptr %plan, i64 $plan_links)
  %no_links = icmp eq i64 %links, 0
  %owner_nd = call i64 @word(ptr %plan, i64 $plan_owner_nd)
  %no_owner = icmp eq i64 %owner_nd, 0
  br i1 %no_owner, label %compute, label %own

; The arrays of the result are views of one, which the kernel writes to.
own:
  %owner_sizes = call ptr @entry(ptr %plan, i64 $plan_owner_sizes)
  %new_owner = call ptr @array_of(ptr %api, i64 %owner_nd, ptr %owner_sizes, ptr null, ptr null)
  %failed_owner = icmp eq ptr %new_owner, null
  br i1 %failed_owner, label %raise, label %owned
raise:
  call void @finish(ptr %api, ptr %plan, ptr %block)
  ret ptr null
owned:
  %owned_data_address = getelementptr i8, ptr %new_owner, i64 $at_array_data
  %owned_data = load ptr, ptr %owned_data_address
  %owned_out = select i1 %no_links, ptr %owned_data, ptr %out
  %out_field = getelementptr i64, ptr %fields, i64 $call_out
  store ptr %owned_out, ptr %out_field
  br label %compute
compute:
  %owner = phi ptr [ null, %ready ], [ %new_owner, %owned ]
  %data = phi ptr [ %out, %ready ], [ %owned_data, %owned ]
  %kernel = call ptr @entry(ptr %plan, i64 $plan_kernel)
  %long = call i64 @word(ptr %plan, i64 $plan_long)
  %is_long = icmp sge i64 %rows, %long
  br i1 %is_long, label %freely, label %holding
freely:
  %save = call ptr @entry(ptr %api, i64 $api_PyEval_SaveThread)
  %state = call ptr %save()
  %nan_freely = call i64 %kernel(ptr %fields)
  %restore = call ptr @entry(ptr %api, i64 $api_PyEval_RestoreThread)
  call void %restore(ptr %state)
  br label %check
holding:
  %nan_holding = call i64 %kernel(ptr %fields)
  br label %check
check:
  %nan = phi i64 [ %nan_freely, %freely ], [ %nan_holding, %holding ]
  %matters = call i64 @word(ptr %plan, i64 $plan_guards)
  %outputs = call i64 @word(ptr %plan, i64 $plan_outputs)
  %per_row = call i64 @word(ptr %plan, i64 $plan_rows)
  %has_rows = icmp ne i64 %per_row, 0
  %is_unguarded = icmp ne i64 %matters, 0
  br i1 %is_unguarded, label %guard, label %scatter
guard:
  %is_nan = icmp ne i64 %nan, 0
  %scanned = select i1 %has_rows, i64 %outputs, i64 0
  br i1 %is_nan, label %nan_found, label %scan
scan:
  %o = phi i64 [ 0, %guard ], [ %o_after, %scan_after ]
  %more_outputs = icmp slt i64 %o, %scanned
  br i1 %more_outputs, label %scan_output, label %scatter
scan_output:
  %scan_stride = call i64 @word(ptr %plan, i64 $plan_stride)
  %scan_start = mul i64 %o, %scan_stride
  %o_after = add i64 %o, 1
  br label %scan_row
scan_row:
  %r = phi i64 [ 0, %scan_output ], [ %r_after, %scan_next ]
  %more_rows = icmp slt i64 %r, %rows
  br i1 %more_rows, label %scan_number, label %scan_after
scan_number:
  %scan_place = add i64 %scan_start, %r
  %scan_address = getelementptr double, ptr %out, i64 %scan_place
  %scan_value = load double, ptr %scan_address
  %scan_nan = fcmp uno double %scan_value, %scan_value
  br i1 %scan_nan, label %nan_found, label %scan_next
scan_next:
  %r_after = add i64 %r, 1
  br label %scan_row
scan_after:
  br label %scan

; Where an output occurs twice, or a number of the result is a constant, numbers go to their places.
scatter:
  br i1 %no_links, label %build, label %spread
spread:
  %link = call ptr @entry(ptr %plan, i64 $plan_link)
  %spread_out = getelementptr double, ptr %out, i64 %beyond
  %link_stride = call i64 @word(ptr %plan, i64 $plan_stride)
  br label %spread_head
spread_head:
  %i = phi i64 [ 0, %spread ], [ %i_after, %spread_next ]
  %more = icmp slt i64 %i, %links
  br i1 %more, label %spread_link, label %spread_done
spread_done:
  br i1 %no_owner, label %build, label %spread_own
spread_own:
  %owned_bytes = call i64 @word(ptr %plan, i64 $plan_owner_bytes)
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %spread_out, i64 %owned_bytes, i1 false)
  br label %build
spread_link:
  %i_twice = mul i64 %i, 2
  %i_odd = add i64 %i_twice, 1
  %to = call i64 @word(ptr %link, i64 %i_twice)
  %from = call i64 @word(ptr %link, i64 %i_odd)
  %to_start = mul i64 %to, %link_stride
  %from_start = mul i64 %from, %link_stride
  %copied = select i1 %has_rows, i64 %rows, i64 1
  br label %spread_rows
spread_rows:
  %q = phi i64 [ 0, %spread_link ], [ %q_after, %spread_row ]
  %more_copied = icmp slt i64 %q, %copied
  br i1 %more_copied, label %spread_row, label %spread_next
spread_row:
  %from_place = add i64 %from_start, %q
  %to_place = add i64 %to_start, %q
  %from_address = getelementptr double, ptr %out, i64 %from_place
  %to_address = getelementptr double, ptr %spread_out, i64 %to_place
  %moved = load double, ptr %from_address
  store double %moved, ptr %to_address
  %q_after = add i64 %q, 1
  br label %spread_rows
spread_next:
  %i_after = add i64 %i, 1
  br label %spread_head
build:
  %numbers = phi ptr [ %data, %scatter ], [ %spread_out, %spread_done ], [ %data, %spread_own ]
  %gives = call ptr @entry(ptr %plan, i64 $plan_gives)
  store ptr %gives, ptr %cursor
  %stride = call i64 @word(ptr %plan, i64 $plan_stride)
  %result = call ptr @make(ptr %api, ptr %cursor, ptr %numbers, ptr %owner, i64 %rows, i64 %stride)
  call void @finish(ptr %api, ptr %plan, ptr %block)
  br i1 %no_owner, label %done, label %let_go
let_go:
  %let_owner = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %let_owner(ptr %owner)
  br label %done
done:
  ret ptr %result
nan_found:
  br i1 %no_owner, label %other, label %forget_owner
forget_owner:
  %forget = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %forget(ptr %owner)
  br label %other
other:
  call void @finish(ptr %api, ptr %plan, ptr %block)
  br label %plain
plain:
  %not_implemented = call ptr @entry(ptr %api, i64 $api_NotImplemented)
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  call void %increase(ptr %not_implemented)
  ret ptr %not_implemented
}

@table = global ptr null

define internal ptr @plan_of(ptr %owned) alwaysinline {
  %first = getelementptr i8, ptr %owned, i64 $at_tuple_items
  %words = load ptr, ptr %first
  %data_address = getelementptr i8, ptr %words, i64 $at_array_data
  %plan = load ptr, ptr %data_address
  ret ptr %plan
}

; The function made from a plan; it takes a tuple of arguments.
define ptr @function(ptr %owned, ptr %arguments) {
entry:
  %api = load ptr, ptr @table
  %tuple = call ptr @entry(ptr %api, i64 $api_tuple)
  %is_tuple = call i1 @is(ptr %arguments, ptr %tuple)
  br i1 %is_tuple, label %fits, label %other
fits:
  %plan = call ptr @plan_of(ptr %owned)
  %count = call i64 @word(ptr %arguments, i64 $at_size)
  %items = getelementptr i8, ptr %arguments, i64 $at_tuple_items
  %result = call ptr @run(ptr %api, ptr %plan, ptr %items, i64 %count)
  ret ptr %result
other:
  %not_implemented = call ptr @entry(ptr %api, i64 $api_NotImplemented)
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  call void %increase(ptr %not_implemented)
  ret ptr %not_implemented
}

; The method `__call__`: it calls that function, if the object has one; if not, or if there is no
; result, it calls the method that is written in Python.
define ptr @method(ptr %self, ptr %arguments, i64 %count, ptr %names) {
entry:
  %api = load ptr, ptr @table
  %place = getelementptr i8, ptr %self, i64 $at_called
  %called = load ptr, ptr %place
  %not_set = icmp eq ptr %called, null
  %has_names = icmp ne ptr %names, null
  %is_other = or i1 %not_set, %has_names
  br i1 %is_other, label %python, label %typed
typed:
  %builtin = call ptr @entry(ptr %api, i64 $api_builtin)
  %is_builtin = call i1 @is(ptr %called, ptr %builtin)
  br i1 %is_builtin, label %named, label %python
named:
  %definition_address = getelementptr i8, ptr %called, i64 $at_definition
  %definition = load ptr, ptr %definition_address
  %ours = call ptr @entry(ptr %api, i64 $api_definition)
  %is_ours = icmp eq ptr %definition, %ours
  br i1 %is_ours, label %run, label %python
run:
  %owned_address = getelementptr i8, ptr %called, i64 $at_owned
  %owned = load ptr, ptr %owned_address
  %increase = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  %decrease = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  call void %increase(ptr %owned)
  %plan = call ptr @plan_of(ptr %owned)
  %found = call ptr @run(ptr %api, ptr %plan, ptr %arguments, i64 %count)
  call void %decrease(ptr %owned)
  %not_implemented = call ptr @entry(ptr %api, i64 $api_NotImplemented)
  %none = icmp eq ptr %found, %not_implemented
  br i1 %none, label %forget, label %done
forget:
  call void %decrease(ptr %found)
  br label %python
done:
  ret ptr %found

python:
  %more = add i64 %count, 1
  %new = call { ptr, ptr } @sequence(ptr %api, i64 $op_tuple, i64 %more)
  %all = extractvalue { ptr, ptr } %new, 0
  %items = extractvalue { ptr, ptr } %new, 1
  %hold = call ptr @entry(ptr %api, i64 $api_Py_IncRef)
  %release = call ptr @entry(ptr %api, i64 $api_Py_DecRef)
  %no_tuple = icmp eq ptr %all, null
  br i1 %no_tuple, label %error, label %fill
error:
  ret ptr null
fill:
  call void %hold(ptr %self)
  store ptr %self, ptr %items
  br label %fill_head
fill_head:
  %i = phi i64 [ 0, %fill ], [ %i_after, %fill_body ]
  %unfilled = icmp slt i64 %i, %count
  br i1 %unfilled, label %fill_body, label %keywords
fill_body:
  %argument = call ptr @entry(ptr %arguments, i64 %i)
  call void %hold(ptr %argument)
  %i_after = add i64 %i, 1
  %item = getelementptr ptr, ptr %items, i64 %i_after
  store ptr %argument, ptr %item
  br label %fill_head
keywords:
  br i1 %has_names, label %name, label %call
name:
  %new_dict = call ptr @entry(ptr %api, i64 $api_PyDict_New)
  %dict = call ptr %new_dict()
  %no_dict = icmp eq ptr %dict, null
  br i1 %no_dict, label %drop_tuple, label %name_size
name_size:
  %set = call ptr @entry(ptr %api, i64 $api_PyDict_SetItem)
  %names_items = getelementptr i8, ptr %names, i64 $at_tuple_items
  %names_count = call i64 @word(ptr %names, i64 $at_size)
  %named_arguments = getelementptr ptr, ptr %arguments, i64 %count
  br label %name_head
name_head:
  %k = phi i64 [ 0, %name_size ], [ %k_after, %name_body ]
  %unnamed = icmp slt i64 %k, %names_count
  br i1 %unnamed, label %name_body, label %call
name_body:
  %key = call ptr @entry(ptr %names_items, i64 %k)
  %value = call ptr @entry(ptr %named_arguments, i64 %k)
  %k_after = add i64 %k, 1
  %code = call signext i32 %set(ptr %dict, ptr %key, ptr %value)
  %is_set = icmp eq i32 %code, 0
  br i1 %is_set, label %name_head, label %drop_dict
call:
  %given = phi ptr [ null, %keywords ], [ %dict, %name_head ]
  %call_object = call ptr @entry(ptr %api, i64 $api_PyObject_Call)
  %plain = call ptr @entry(ptr %api, i64 $api_python)
  %result = call ptr %call_object(ptr %plain, ptr %all, ptr %given)
  call void %release(ptr %all)
  br i1 %has_names, label %drop_given, label %finished
drop_given:
  call void %release(ptr %given)
  br label %finished
finished:
  ret ptr %result
drop_dict:
  call void %release(ptr %dict)
  br label %drop_tuple
drop_tuple:
  call void %release(ptr %all)
  ret ptr null
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
